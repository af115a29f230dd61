package plan

// Rootfs is the container's file system: what to mount where, in order.
type Rootfs struct {
	// NewMountNS: the mount namespace is the container's own. Without it
	// nothing is pivoted, no propagation is changed, and mounts land in the
	// tree that the host sees.
	NewMountNS bool
	Path       string // absolute path on the host
	// Fd is a detached clone of the tree at Path, made by the parent; None:
	// init clones Path itself (or uses it as it is without NewMountNS).
	Fd int
	// HostPropagation is set on the whole tree before anything is mounted:
	// MS_SLAVE or MS_PRIVATE, with MS_REC. 0 leaves it as it is, for a
	// container whose mounts are to reach the host (rootfsPropagation
	// shared).
	HostPropagation uint64
	// RootPropagation is set on the container's "/" at the end; 0 = leave.
	RootPropagation uint64
	NoPivot         bool
	Readonly        bool
	// UserNS: the mount namespace belongs to a user namespace other than
	// the host's first one.
	UserNS bool
	// JoinedMountNS: the mount namespace existed before; the paths of the
	// host are not those that init sees.
	JoinedMountNS bool

	Mounts []Mount
	// DevMount and ProcMount are indexes into Mounts of the file systems
	// that end up on /dev and /proc; None without one.
	DevMount, ProcMount int
	// DevSetup: make the default nodes and links of /dev. Not when the spec
	// binds a directory of the host on /dev.
	DevSetup bool
	Devices  []Device
	Masked   []string
	ReadOnly []string
	Sysctl   []Sysctl
	// MountLabel is the SELinux context of file systems made without being
	// asked for (masks), "" = none. That of Mounts is in their Data.
	MountLabel string
}

// Mount is one entry of the spec's mounts, its options resolved.
type Mount struct {
	Index       int    // position in the spec's mounts, for errors
	Destination string // as in the spec; resolved inside the root only
	Source      string // on the host, absolute for binds
	// InRoot is the source inside the container, where the mounts before this
	// one have made it; "" = it is on the host.
	InRoot string `json:",omitempty"`
	Type   string // file system type; "bind" for binds
	Bind   bool
	// Recursive: rbind.
	Recursive bool
	// Remount: change what is mounted at Destination instead of mounting.
	Remount bool
	// SourceFd is a detached tree (open_tree) made by the parent, for what
	// init cannot open or should not; None: init opens Source itself.
	SourceFd int
	// AttrSet and AttrClr are MOUNT_ATTR_* of the mount itself, RecSet and
	// RecClr of the mount and all below it. Where both speak of the same
	// attribute, the recursive one wins.
	AttrSet, AttrClr, RecSet, RecClr uint64
	// AttrRest are those that a bind with options of its own loses because none
	// of them names it. In a user namespace the host's mounts keep them.
	AttrRest uint64 `json:",omitempty"`
	// LateReadOnly: a tmpfs with "ro" is sealed after everything is in it.
	LateReadOnly bool
	// Propagation is MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, with
	// MS_REC, applied in order.
	Propagation []uint64
	// Data are the file system's own options: "key" or "key=value".
	Data []string
	// SBFlags are superblock options that fsconfig takes as flags: "sync".
	SBFlags []string
	// LegacyFlags are superblock flags that only mount(2) takes: MS_I_VERSION.
	LegacyFlags uint64
	CopyUp      bool // tmpcopyup
	// RootLabel is the SELinux label that the root of the file system gets once
	// it is mounted, "" = none.
	RootLabel string `json:",omitempty"`
	// DirMode: a tmpfs without mode= takes that of the directory it covers.
	DirMode bool
	// IDMap: the mount gets the mapping IDMapUID and IDMapGID, or, when they
	// are empty, that of the container's user namespace.
	IDMap              bool
	IDMapRec           bool // ridmap
	IDMapUID, IDMapGID []IDMapping
	Cgroup             *CgroupMount
	// Extensions of crun: do not follow a symbolic link at the source or the
	// destination; copy one at the source instead of mounting.
	SrcNoFollow, DstNoFollow, CopySymlink bool
}

// IDMapping is one line of uid_map or gid_map (user_namespaces(7)).
type IDMapping struct{ Container, Host, Size uint32 }

// CgroupMount is a mount of type cgroup: on pure v2 one cgroup2 mount, else a
// tmpfs with one mount for each hierarchy.
type CgroupMount struct {
	V2 bool
	// Bind: there is no private cgroup namespace; bind the container's own
	// cgroup directories from the host.
	Bind bool
	// BindSource (v2) is what to bind, then or where the kernel refuses a
	// mount of its own.
	BindSource  string
	Hierarchies []CgroupHierarchy
	Links       []Link
}

// CgroupHierarchy is one directory below a v1 cgroup mount.
type CgroupHierarchy struct {
	Name       string // directory name, e.g. "cpu,cpuacct"
	Options    string // mount data, e.g. "cpu,cpuacct" or "none,name=systemd"; "" = cgroup2
	BindSource string
}

// Link is a symbolic link Name -> Target.
type Link struct{ Name, Target string }

// Device is a device node.
type Device struct {
	Index        int    // position in linux.devices, None for the default ones
	Path         string // absolute, inside the container
	Type         uint32 // S_IFCHR, S_IFBLK or S_IFIFO
	Major, Minor uint32
	Mode         uint32 // permission bits
	UID, GID     uint32
}

// Sysctl is one file below /proc/sys.
type Sysctl struct {
	Key   string // as in the spec, for errors
	Path  string // below /proc/sys: "net/ipv4/ip_forward"
	Value string
}
