# SPDX-License-Identifier: MIT
# Completion of uring-sync for bash; to be installed as "uring-sync" where bash looks for completions.

_uring_sync()
{
	local options='-j --jobs -c --chunk-size -q --queue-depth --io --sync --splice --no-splice
		-v --verbose --quiet -h --help --version'
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i

	COMPREPLY=()
	# bash makes a word of its own of the "=" in --name=value.
	if [[ $cur == '=' ]]; then
		cur=''
	elif [[ $prev == '=' ]] && ((COMP_CWORD >= 2)); then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		# After "--" there are only paths; with an empty reply bash completes those.
		[[ ${COMP_WORDS[i]} == -- ]] && return
	done
	case $prev in
	-j | --jobs | -q | --queue-depth | -c | --chunk-size)
		compopt +o default
		return
		;;
	--io)
		mapfile -t COMPREPLY < <(compgen -W 'auto inline async sync' -- "$cur")
		compopt +o default
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	fi
} &&
	complete -o default -F _uring_sync uring-sync
