# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034  # variables shared with the files beside it
#
# The rows of the table, and the data sets that they copy.

# NAME  DATA-SET  CACHE  KIND  TARGET  [WORK]
#   cold   everything dropped from the caches before each run
#   warm   the source read wholly before each run
#   ratio  cp -r's median / ours: at least TARGET
#   floor  our median / the time that the bandwidth limit alone allows: at most TARGET
#   rss    our peak memory in MiB: at most TARGET
#   fio    no runs of its own: the time that fio takes to read that data set and write as much, both at once, / ours: at
#          least TARGET
#   sum    ours / the sum of ours for its two directories, small and large, each alone: at most TARGET
#   reads  no runs of its own: reads that reached the disk in the first row of that data set and cache: at
#          most TARGET
#   grown  the same of the MiB that the destination grew by (on Btrfs: by data, without metadata)
#
# WORK, when it is not a copy with cp -r as the other:
#   archive  -a against cp -a
#   again    -a into a finished copy, against rsync -a
#   same     the same, with no more than rsync -a keeps: no extended attributes, ACLs and hard links
#   inline   ours against ours with --io=inline
#   slow:S:D on file systems that wait so many microseconds in each operation, on either side; cp -r on one directory in
#            place of all, its time multiplied (slow.sh)
#   reflink  within one file system, against cp -r --reflink=auto
#   resume   with a journal, against ours without one
#   changed  again, when one file in a hundred of the copy is not as it should be
ROWS='
s4k-cold    s4k     cold  ratio  5.5
s4k-reads   s4k     cold  reads  3000
s4k-warm    s4k     warm  ratio  2.5
s4k-limit   limited cold  floor  1.15
tiny-cold   tiny    cold  ratio  5
one-cold    one     cold  ratio  4.5
one-warm    one     warm  ratio  1.6
ln110-cold  ln110   cold  ratio  5.5
ln110-warm  ln110   warm  ratio  2.7
linux-cold  linux   cold  ratio  5
linux-warm  linux   warm  ratio  2
mem-1m      million cold  rss    64
a-cold      s4k     cold  ratio  5      archive
a-warm      s4k     warm  ratio  2.2    archive
again-cold  s4k     cold  ratio  4      again
again-warm  s4k     warm  ratio  3      again
same-cold   s4k     cold  ratio  4      same
same-warm   s4k     warm  ratio  3      same
changed     s4k     warm  ratio  4      changed
lat-dst-2k  lat2k   warm  ratio  25     slow:0:2000
lat-dst-10k lat10k  warm  ratio  40     slow:0:2000
lat-src-2k  lat2k   warm  ratio  40     slow:2000:0
lat-src-10k lat10k  warm  ratio  40     slow:2000:0
lat-both    lat10k  warm  ratio  60     slow:20000:20000
auto-warm   s4k     warm  ratio  0.97   inline
auto-cold   s4k     cold  ratio  0.97   inline
xfs-cold    xfs     cold  ratio  5
xfs-clone   inxfs   cold  ratio  2      reflink
xfs-grown   inxfs   cold  grown  100    reflink
btrfs-cold  btrfs   cold  ratio  5
btrfs-clone inbtrfs cold  ratio  2      reflink
btrfs-grown inbtrfs cold  grown  1      reflink
shuf-cold   shuffled cold ratio  4
shuf-reads  shuffled cold reads  20000
resume-cold s4k     cold  ratio  0.98   resume
resume-warm s4k     warm  ratio  0.98   resume
large-cold  large   cold  ratio  6
large-fio   large   cold  fio    0.85
huge-cold   huge    cold  ratio  6
huge-fio    huge    cold  fio    0.85
mixed       mixed   cold  sum    1
'

# The limited disk of row s4k-limit.
LIMIT_IOPS=3000
LIMIT_BPS=140000000

# NAME  GIB-NEEDED  ARGUMENTS-OF-MKTREE
DATASETS='
s4k      1  -d 100  -s 4096      100000
tiny     1  -d 10   -s 512-1126  70000
one      1  -d 1    -s 4096      100000
ln110    4  -d 300  -l 110000    30000
lat100   1  -d 1    -s 4096      100
lat2k    1  -d 20   -s 4096      2000
lat10k   1  -d 100  -s 4096      10000
lat20k   1  -d 100  -s 4096      20000
shuffled 1  -d 100  -s 4096 -S   100000
million  2  -d 1000 -s 1-100 -e 10  1000000
large    6  -s 536870912         8
huge     6  -s 4294967296        1
four     4  -s 536870912         4
quarters 2  -s 268435456         4
'

# The kernel's source tree comes from Debian's package of this name.
LINUX_PACKAGE=linux-source-6.1
