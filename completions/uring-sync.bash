# SPDX-License-Identifier: MIT
# Completion of uring-sync for bash; to be installed as "uring-sync" where bash looks for completions.

# The last one of a list with commas.
_uring_sync_attributes()
{
	local last=${cur##*,}

	mapfile -t COMPREPLY < <(compgen -P "${cur%"$last"}" -W 'mode times atime owner xattr acl links all' -- "$last")
	compopt +o default -o nospace
}

_uring_sync()
{
	local options='-a --archive -p --preserve --no-preserve --numeric-ids --reflink --chmod --chown --sparse
		-L --dereference -H --dereference-command-line -P --no-dereference --safe-links --exclude
		--include --exclude-from --include-from --files-from -0 --from0 --min-size --max-size -x
		--one-file-system --checksum -I --ignore-times -u --update --existing --ignore-existing
		--modify-window --delete --max-delete -b --backup --suffix --link-dest --temp-dir -j
		--jobs -c --chunk-size -q --queue-depth --io --order --sync --copy --splice --no-splice --large --bwlimit --idle --pin
		--resume --fsync --verify --checksum-file --hash --max-errors --progress --json
		--listen --secret-file --secret --tls --no-tls --ktls --uring --no-uring --compress --timeout --one-shot --max-clients --trust-peer-metadata
		-e --rsh --remote-path
		--log-file --stats --failed-list -n --dry-run -i --itemize-changes -v --verbose --quiet -h --help --version'
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i

	COMPREPLY=()
	# bash makes a word of its own of the "=" in --name=value.
	if [[ $cur == '=' ]]; then
		cur=''
	elif [[ $prev == '=' ]] && ((COMP_CWORD >= 2)); then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
		if [[ $prev == --progress ]]; then # A word of its own is none of its values.
			mapfile -t COMPREPLY < <(compgen -W 'never auto always' -- "$cur")
			compopt +o default
			return
		fi
		if [[ $prev == --preserve ]]; then
			_uring_sync_attributes
			return
		fi
		if [[ $prev == --compress ]]; then
			compopt +o default
			return
		fi
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		# After "--" there are only paths; with an empty reply bash completes those.
		[[ ${COMP_WORDS[i]} == -- ]] && return
	done
	case $prev in
	--no-preserve)
		_uring_sync_attributes
		return
		;;
	--chmod | --chown | --exclude | --include | --min-size)
		compopt +o default
		return
		;;
	--max-size | --modify-window | --max-delete | --suffix | -j | --jobs)
		compopt +o default
		return
		;;
	--listen | --secret | --timeout | --max-clients | -e | --rsh | --remote-path)
		compopt +o default
		return
		;;
	-c | --chunk-size | -q | --queue-depth | --large | --bwlimit | --max-errors)
		compopt +o default
		return
		;;
	--exclude-from | --include-from | --files-from | --failed-list | --log-file | --resume | --checksum-file | --secret-file)
		return
		;;
	--hash)
		mapfile -t COMPREPLY < <(compgen -W 'xxh128 sha256' -- "$cur")
		compopt +o default
		return
		;;
	--ktls)
		mapfile -t COMPREPLY < <(compgen -W 'auto on off' -- "$cur")
		compopt +o default
		return
		;;
	--link-dest | --temp-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--reflink)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
		compopt +o default
		return
		;;
	--sparse)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
		compopt +o default
		return
		;;
	--copy)
		mapfile -t COMPREPLY < <(compgen -W 'auto rw splice reflink cfr' -- "$cur")
		compopt +o default
		return
		;;
	--io)
		mapfile -t COMPREPLY < <(compgen -W 'auto inline async sync' -- "$cur")
		compopt +o default
		return
		;;
	--order)
		mapfile -t COMPREPLY < <(compgen -W 'auto inode extent name none' -- "$cur")
		compopt +o default
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif ((COMP_CWORD == 1)); then # A command, or the first path.
		mapfile -t COMPREPLY < <(compgen -W 'verify send recv keygen' -- "$cur" && compgen -f -- "$cur")
		compopt -o filenames
	fi
} &&
	complete -o default -F _uring_sync uring-sync
