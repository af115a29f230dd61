# Completion of rt for fish. Install it as rt.fish in
# /usr/share/fish/vendor_completions.d.

function __rt_ids --description 'containers below the state root of the command line'
    set -l root
    set -l words (commandline -opc)
    for i in (seq (count $words))
        switch $words[$i]
            case --root -root
                set root --root $words[(math $i + 1)]
            case '--root=*' '-root=*'
                set root $words[$i]
        end
    end
    rt $root list --quiet 2>/dev/null
end

set -l commands create delete device events exec features help install kill list mounts pause ps resume run spec start state stats update wait

complete -c rt -f
complete -c rt -s h -l help -d 'show help'

complete -c rt -n "not __fish_seen_subcommand_from $commands" -l debug -d 'log what rt does'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -l log -r -F -d 'append log lines to this file'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -l log-format -x -a 'text json' -d 'format of log lines'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -l root -x -a '(__fish_complete_directories)' -d "directory of the containers' states"
complete -c rt -n "not __fish_seen_subcommand_from $commands" -l cgroup-manager -x -a 'cgroupfs systemd disabled' -d 'who makes the cgroups'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -l systemd-cgroup -d 'have systemd make the cgroups'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -l rootless -x -a 'auto true false' -d 'go on where cgroups may not be changed'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -s v -l version -d 'print the version'

complete -c rt -n "not __fish_seen_subcommand_from $commands" -a create -d 'create a container'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a delete -d 'delete containers'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a device -d 'add devices to a running container, or remove them'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a events -d 'print statistics and OOM kills as they come'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a exec -d 'execute a program in a running container'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a features -d 'print what this rt can do'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a help -d 'show the help of a command'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a install -d 'tell the clients of a runtime about rt'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a kill -d 'send a signal to the first process of containers'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a list -d 'list containers'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a mounts -d 'add mounts to a running container, or remove them'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a pause -d 'suspend all processes of a container'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a ps -d 'list the processes of a container'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a resume -d 'let a paused container go on'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a run -d 'create and start a container'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a spec -d 'write a config.json to start from'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a start -d 'start the program of a created container'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a state -d 'print the state of a container'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a stats -d 'show what containers use, live'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a update -d 'change the limits of a container'
complete -c rt -n "not __fish_seen_subcommand_from $commands" -a wait -d 'wait for containers and print their exit status'

complete -c rt -n '__fish_seen_subcommand_from help' -a "$commands"
complete -c rt -n '__fish_seen_subcommand_from delete events exec kill pause ps resume start state stats update wait' -a '(__rt_ids)'

complete -c rt -n '__fish_seen_subcommand_from mounts device; and not __fish_seen_subcommand_from add remove' -a 'add remove'
complete -c rt -n '__fish_seen_subcommand_from mounts device; and __fish_seen_subcommand_from add remove' -F -a '(__rt_ids)'

complete -c rt -n '__fish_seen_subcommand_from create run' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'bundle of the container'
complete -c rt -n '__fish_seen_subcommand_from create run' -l config -r -F -d 'read this file instead of config.json'
complete -c rt -n '__fish_seen_subcommand_from create run' -l console-socket -r -F -d 'send the master of the terminal to this socket'
complete -c rt -n '__fish_seen_subcommand_from create run' -l pidfd-socket -r -F -d 'send a pidfd of the first process to this socket'
complete -c rt -n '__fish_seen_subcommand_from create run' -l pid-file -r -F -d 'write the pid of the first process to this file'
complete -c rt -n '__fish_seen_subcommand_from create run' -l no-pivot -d 'use MS_MOVE instead of pivot_root'
complete -c rt -n '__fish_seen_subcommand_from create run' -l no-new-keyring -d "keep the caller's session keyring"
complete -c rt -n '__fish_seen_subcommand_from create run' -l preserve-fds -x -d 'pass more file descriptors to the container'
complete -c rt -n '__fish_seen_subcommand_from run' -s d -l detach -d 'return as soon as the program runs'
complete -c rt -n '__fish_seen_subcommand_from run' -l keep -d 'do not delete the container afterwards'
complete -c rt -n '__fish_seen_subcommand_from run' -l no-subreaper -d 'leave orphans to another reaper'

complete -c rt -n '__fish_seen_subcommand_from delete' -s f -l force -d 'kill the container first'
complete -c rt -n '__fish_seen_subcommand_from delete kill' -l regex -d 'the arguments are regular expressions'
complete -c rt -n '__fish_seen_subcommand_from kill' -s s -l signal -x -a 'HUP INT QUIT KILL TERM USR1 USR2 STOP CONT' -d 'signal to send'
complete -c rt -n '__fish_seen_subcommand_from exec' -s p -l process -r -F -d 'read the process from this file'
complete -c rt -n '__fish_seen_subcommand_from exec' -s d -l detach -d 'return as soon as the program runs'
complete -c rt -n '__fish_seen_subcommand_from exec' -l console-socket -r -F -d 'send the master of the terminal to this socket'
complete -c rt -n '__fish_seen_subcommand_from exec' -l pidfd-socket -r -F -d 'send a pidfd of the process to this socket'
complete -c rt -n '__fish_seen_subcommand_from exec' -l pid-file -r -F -d 'write the pid of the process to this file'
complete -c rt -n '__fish_seen_subcommand_from exec' -s t -l tty -d 'give the process a terminal'
complete -c rt -n '__fish_seen_subcommand_from exec' -l cwd -x -d 'directory of the container to run it in'
complete -c rt -n '__fish_seen_subcommand_from exec' -s e -l env -x -d 'set a variable of its environment'
complete -c rt -n '__fish_seen_subcommand_from exec' -s u -l user -x -d 'ids to run it with, UID[:GID]'
complete -c rt -n '__fish_seen_subcommand_from exec' -s g -l additional-gids -x -d 'supplementary group'
complete -c rt -n '__fish_seen_subcommand_from exec' -s c -l cap -x -d 'capability to add'
complete -c rt -n '__fish_seen_subcommand_from exec' -l no-new-privs -d 'never let it gain privileges'
complete -c rt -n '__fish_seen_subcommand_from exec' -l apparmor -x -d 'AppArmor profile'
complete -c rt -n '__fish_seen_subcommand_from exec' -l process-label -x -d 'SELinux label'
complete -c rt -n '__fish_seen_subcommand_from exec' -l cgroup -x -d "existing cgroup below the container's"
complete -c rt -n '__fish_seen_subcommand_from exec' -l preserve-fds -x -d 'pass more file descriptors to the process'
complete -c rt -n '__fish_seen_subcommand_from exec' -l ignore-paused -d 'do not refuse a paused container'

complete -c rt -n '__fish_seen_subcommand_from list ps stats' -s f -l format -x -a 'table json' -d 'output format'
complete -c rt -n '__fish_seen_subcommand_from list' -s q -l quiet -d 'print ids only'
complete -c rt -n '__fish_seen_subcommand_from spec' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'bundle to write to'
complete -c rt -n '__fish_seen_subcommand_from spec' -l rootless -d 'write it for a user without privilege'
complete -c rt -n '__fish_seen_subcommand_from events stats' -l interval -x -d 'time between statistics'
complete -c rt -n '__fish_seen_subcommand_from events' -l stats -d 'print the statistics of this moment'
complete -c rt -n '__fish_seen_subcommand_from stats' -l no-stream -d 'show it once'
complete -c rt -n '__fish_seen_subcommand_from update' -s r -l resources -r -F -d 'read the limits from this file'
complete -c rt -n '__fish_seen_subcommand_from update' -l blkio-weight -x -d 'share of block I/O'
complete -c rt -n '__fish_seen_subcommand_from update' -l cpu-period -x -d 'period of the CPU quota in µs'
complete -c rt -n '__fish_seen_subcommand_from update' -l cpu-quota -x -d 'CPU time in each period in µs'
complete -c rt -n '__fish_seen_subcommand_from update' -l cpu-burst -x -d 'CPU time beyond the quota in µs'
complete -c rt -n '__fish_seen_subcommand_from update' -l cpu-share -x -d 'share of CPU time'
complete -c rt -n '__fish_seen_subcommand_from update' -l cpu-rt-period -x -d 'period of the real-time quota in µs'
complete -c rt -n '__fish_seen_subcommand_from update' -l cpu-rt-runtime -x -d 'real-time CPU time in each period in µs'
complete -c rt -n '__fish_seen_subcommand_from update' -l cpu-idle -x -a '0 1' -d 'run only when nobody else wants to'
complete -c rt -n '__fish_seen_subcommand_from update' -l cpuset-cpus -x -d 'CPUs to use'
complete -c rt -n '__fish_seen_subcommand_from update' -l cpuset-mems -x -d 'memory nodes to use'
complete -c rt -n '__fish_seen_subcommand_from update' -l memory -x -d 'limit of memory'
complete -c rt -n '__fish_seen_subcommand_from update' -l memory-reservation -x -d 'memory that is taken last'
complete -c rt -n '__fish_seen_subcommand_from update' -l memory-swap -x -d 'limit of memory and swap together'
complete -c rt -n '__fish_seen_subcommand_from update' -l pids-limit -x -d 'limit of processes and threads'
complete -c rt -n '__fish_seen_subcommand_from update' -l l3-cache-schema -x -d 'use of the L3 cache'
complete -c rt -n '__fish_seen_subcommand_from update' -l mem-bw-schema -x -d 'use of memory bandwidth'

complete -c rt -n '__fish_seen_subcommand_from install' -a 'docker containerd podman crio buildkit'
complete -c rt -n '__fish_seen_subcommand_from install' -l default -d 'make rt the runtime of containers that name none'
complete -c rt -n '__fish_seen_subcommand_from install' -l write -d 'make the change'
complete -c rt -n '__fish_seen_subcommand_from install' -l uninstall -d 'take back what was put there'
complete -c rt -n '__fish_seen_subcommand_from install' -l config -r -F -d 'configuration to change'
complete -c rt -n '__fish_seen_subcommand_from install' -l path -r -F -d 'path of rt for the client'
complete -c rt -n '__fish_seen_subcommand_from install' -l root-dir -x -a '(__fish_complete_directories)' -d 'directory that stands for /'
