# SPDX-License-Identifier: MIT
# Completion of uring-sync for fish; paths are completed by fish itself.

complete -c uring-sync -s j -l jobs -x -d 'Worker threads (1 to 1024)'
complete -c uring-sync -s c -l chunk-size -x -d 'Bytes of one read or write (4K to 64M)'
complete -c uring-sync -s q -l queue-depth -x -d 'Files in flight for each worker (1 to 4096)'
complete -c uring-sync -l io -x -a 'auto inline async sync' -d 'Which system calls go through io_uring'
complete -c uring-sync -l sync -d 'Plain system calls, no io_uring'
complete -c uring-sync -l splice -d 'Move file contents through a pipe'
complete -c uring-sync -l no-splice -d 'Read and write file contents'
complete -c uring-sync -s v -l verbose -d 'Print each path as it is copied, and notes'
complete -c uring-sync -l quiet -d 'Print no summary at the end'
complete -c uring-sync -s h -l help -d 'Print help and exit'
complete -c uring-sync -l version -d 'Print the version and exit'
