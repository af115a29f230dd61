# Completion of rt for bash. Install it as
# /usr/share/bash-completion/completions/rt, or source it.

# _rt_ids prints the containers below the state root of the command line.
_rt_ids() {
	"${COMP_WORDS[0]}" "$@" list --quiet 2>/dev/null
}

# _rt_valued: it is an option of a command, and a value follows.
_rt_valued() {
	case $1 in
	--additional-gids | --apparmor | --cap | --cgroup | --console-socket | --cwd | --env | --format | --interval | --pid-file | --pidfd-socket | --preserve-fds | --process | --process-label | --resources | --signal | --user) ;;
	--blkio-* | --cpu-* | --cpuset-* | --l3-cache-schema | --mem-bw-schema | --memory | --memory-* | --pids-limit) ;;
	-[cefgprsu]) ;;
	*) return 1 ;;
	esac
}

_rt() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local commands="create delete device events exec features help install kill list mounts pause ps resume run spec start state stats update wait"
	local global="--cgroup-manager --debug --log --log-format --root --rootless --systemd-cgroup --help --version"
	local create="--bundle --config --console-socket --no-new-keyring --no-pivot --pid-file --pidfd-socket --preserve-fds --help"
	local update="--resources --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-rt-period --cpu-rt-runtime --cpu-idle --cpuset-cpus --cpuset-mems --memory --memory-reservation --memory-swap --pids-limit --l3-cache-schema --mem-bw-schema --help"
	local i command="" root=()
	COMPREPLY=()

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | -root)
			# bash takes "=" for a word of its own
			[[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
			root=(--root "${COMP_WORDS[++i]}")
			;;
		--cgroup-manager | --log | --log-format | --rootless | -cgroup-manager | -log | -log-format | -rootless)
			[[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
			((i++))
			;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done

	[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
	[[ $cur == = ]] && cur=
	case $prev in
	--cgroup-manager)
		COMPREPLY=($(compgen -W "cgroupfs systemd disabled" -- "$cur"))
		return
		;;
	--log-format)
		COMPREPLY=($(compgen -W "text json" -- "$cur"))
		return
		;;
	--rootless)
		if [[ $command != spec ]]; then
			COMPREPLY=($(compgen -W "auto true false" -- "$cur"))
			return
		fi
		;;
	--format | -f)
		if [[ $command == list || $command == ps || $command == stats ]]; then
			COMPREPLY=($(compgen -W "table json" -- "$cur"))
			return
		fi
		;;
	--signal | -s)
		COMPREPLY=($(compgen -W "$(compgen -A signal | sed -n 's/^SIG//p')" -- "$cur"))
		return
		;;
	--root | --root-dir | --bundle | -b)
		COMPREPLY=($(compgen -d -- "$cur"))
		compopt -o filenames 2>/dev/null
		return
		;;
	--log | --config | --console-socket | --pid-file | --pidfd-socket | --path | --process | --resources | -r)
		COMPREPLY=($(compgen -f -- "$cur"))
		compopt -o filenames 2>/dev/null
		return
		;;
	--*)
		_rt_valued "$prev" && return
		;;
	esac

	local flags=$global words=$commands
	case $command in
	"") ;;
	create) flags=$create words= ;;
	run) flags="$create --detach --keep --no-subreaper" words= ;;
	delete) flags="--force --regex --help" words=ids ;;
	kill) flags="--signal --regex --help" words=ids ;;
	exec)
		flags="--additional-gids --apparmor --cap --cgroup --console-socket --cwd --detach --env --ignore-paused --no-new-privs --pid-file --pidfd-socket --preserve-fds --process --process-label --tty --user --help"
		words=ids
		;;
	list) flags="--format --quiet --help" words= ;;
	spec) flags="--bundle --rootless --help" words= ;;
	features) flags="--help" words= ;;
	install) flags="--config --default --path --root-dir --uninstall --write --help" words="docker containerd podman crio buildkit" ;;
	mounts | device)
		flags="--help"
		case $((COMP_CWORD - i)) in
		1) words="add remove" ;;
		2) words=ids ;;
		*)
			COMPREPLY=($(compgen -f -- "$cur"))
			compopt -o filenames 2>/dev/null
			[[ $cur == -* ]] || return
			;;
		esac
		;;
	events) flags="--interval --stats --help" words=ids ;;
	ps) flags="--format --help" words=ids ;;
	stats) flags="--format --interval --no-stream --help" words=ids ;;
	update) flags=$update words=ids ;;
	pause | resume | start | state | wait) flags="--help" words=ids ;;
	help) flags= words=$commands ;;
	*) return ;;
	esac
	# How many arguments stand before the cursor: options and their values are none.
	local n=0 j
	for ((j = i + 1; j < COMP_CWORD; j++)); do
		if _rt_valued "${COMP_WORDS[j]}"; then
			[[ ${COMP_WORDS[j + 1]} == = ]] && ((j++))
			((j++))
		elif [[ ${COMP_WORDS[j]} != -* ]]; then
			((n++))
		fi
	done
	if ((n > 0)); then
		case $command in
		exec | ps) # another program's
			COMPREPLY=($(compgen -f -- "$cur"))
			compopt -o filenames 2>/dev/null
			return
			;;
		kill) words="$(compgen -A signal | sed -n 's/^SIG//p') $(_rt_ids "${root[@]}")" ;;
		events | update | pause | resume | start | state) words= ;;
		esac
	fi
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$flags" -- "$cur"))
		return
	fi
	[[ $words == ids ]] && words=$(_rt_ids "${root[@]}")
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -F _rt rt
