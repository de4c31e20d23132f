// A volume plugin in Go with the standard library alone: what ddd is measured against, and a plugin for the checks
// that is not Python.
//
// It does the work of src/ddd, step by step: the same folders, opened the same way, the same fsyncs, the same
// records, the same look at every process. Functions have the names that they have there, where comments say why.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	mediaType = "application/vnd.docker.plugins.v1.2+json"
	nameRule  = "1 to 255 letters, digits, _ . and -, beginning with a letter or a digit"
	bodyLimit = 1024 * 1024
)

var (
	socket    = setting("DDD_SOCKET", "/run/docker/plugins/ddd.sock")
	root      = setting("DDD_ROOT", "/var/lib/ddd")
	volumes   string // a volume: NAME/data with its files, NAME/mounts with who uses it
	aside     string // what is not yet a volume, or is one no longer
	beganWith syscall.Stat_t
	valid     = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$`)
)

type object = map[string]any

// A call is what Docker sends, and the connection that it came through.
type call struct {
	Name, ID string
	Opts     map[string]any
	from     *net.UnixConn
	empty    bool
}

// A volume as List tells it.
type volume struct{ Name, Mountpoint string }

// A refusal is an error with a status of its own; any other error is a fault that may pass.
type refusal struct {
	status int
	reason string
}

func (r refusal) Error() string { return r.reason }

func refuse(status int, format string, values ...any) error {
	return refusal{status, fmt.Sprintf(format, values...)}
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	if err := prepare(); err != nil {
		log.Fatalf("No volumes can be kept in %s: %v", root, err)
	}
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM, syscall.SIGINT)
	listener := listen()
	ours, err := os.Lstat(socket)
	if err != nil {
		log.Fatal(err)
	}
	left, _ := os.ReadDir(aside) // what is listed before the first call is none of its own
	go clear(left)
	server := http.Server{Handler: http.HandlerFunc(route), ConnContext: remember}
	go server.Serve(listener)
	<-stopped
	if there, err := os.Lstat(socket); err == nil && os.SameFile(there, ours) {
		os.Remove(socket)
	}
}

// HTTP

type connection struct{}

// remember keeps the connection where a call finds it: the process that asks is known by it.
func remember(ctx context.Context, caller net.Conn) context.Context {
	return context.WithValue(ctx, connection{}, caller)
}

var endpoints = map[string]func(call) (object, error){
	"/Plugin.Activate":           activate,
	"/VolumeDriver.Capabilities": capabilities,
	"/VolumeDriver.Create":       create,
	"/VolumeDriver.Get":          get,
	"/VolumeDriver.List":         list,
	"/VolumeDriver.Path":         path,
	"/VolumeDriver.Mount":        mount,
	"/VolumeDriver.Unmount":      unmount,
	"/VolumeDriver.Remove":       remove,
}

func route(w http.ResponseWriter, r *http.Request) {
	handle, known := endpoints[r.URL.Path]
	switch {
	case r.URL.Path == "/" && (r.Method == "GET" || r.Method == "POST"):
		fmt.Fprintln(w, "Hello! I am a plugin in Go.")
	case !known:
		answer(w, http.StatusNotFound, object{"Err": "There is no endpoint " + r.URL.Path + "."})
	case r.Method != "POST":
		answer(w, http.StatusMethodNotAllowed, object{"Err": "Docker calls " + r.URL.Path + " with POST."})
	default:
		body, err := handled(w, r, handle)
		reply(w, r, body, err)
	}
}

func handled(w http.ResponseWriter, r *http.Request, handle func(call) (object, error)) (object, error) {
	sent, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		return nil, refuse(http.StatusRequestEntityTooLarge, "The body cannot be read: %v.", err)
	}
	asked := call{empty: len(sent) == 0}
	asked.from, _ = r.Context().Value(connection{}).(*net.UnixConn)
	switch r.URL.Path {
	case "/Plugin.Activate", "/VolumeDriver.Capabilities", "/VolumeDriver.List":
	default:
		if err := json.Unmarshal(sent, &asked); err != nil && !asked.empty {
			return nil, refuse(http.StatusBadRequest, "The body is not a call: %v.", err)
		}
	}
	return handle(asked)
}

func reply(w http.ResponseWriter, r *http.Request, body object, err error) {
	var refused refusal
	switch {
	case err == nil:
		answer(w, http.StatusOK, body)
	case errors.As(err, &refused):
		answer(w, refused.status, object{"Err": refused.reason})
	case r.URL.Path == "/VolumeDriver.Get":
		log.Printf("%s: %v", r.URL.Path, err)
		panic(http.ErrAbortHandler) // closes the connection without an answer
	default:
		log.Printf("%s: %v", r.URL.Path, err)
		answer(w, http.StatusInternalServerError, object{"Err": fmt.Sprintf("The plugin is in trouble: %v.", err)})
	}
}

func answer(w http.ResponseWriter, status int, body object) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+1))
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}

// The endpoints

func activate(call) (object, error) { return object{"Implements": []string{"VolumeDriver"}}, nil }

func capabilities(call) (object, error) {
	return object{"Capabilities": object{"Scope": "local"}}, nil
}

func create(asked call) (object, error) {
	if err := check("Name", asked.Name); err != nil {
		return nil, err
	}
	for option := range asked.Opts {
		return nil, refuse(http.StatusBadRequest, "There are no options: leave out %s.", option)
	}
	all, err := allVolumes()
	if err != nil {
		return nil, err
	}
	defer syscall.Close(all)
	return object{"Err": ""}, makeVolume(asked.Name, all)
}

func get(asked call) (object, error) {
	if asked.empty {
		return nil, errors.New("a call that broke came again, without its body")
	}
	var made syscall.Stat_t
	err := oneVolume(asked.Name, func(_, folder int) error { return syscall.Fstat(folder, &made) })
	createdAt := time.Unix(made.Mtim.Sec, 0).UTC().Format(time.RFC3339)
	known := object{"Name": asked.Name, "Mountpoint": mountpoint(asked.Name), "CreatedAt": createdAt}
	return object{"Volume": known, "Err": ""}, err
}

func list(call) (object, error) {
	all, err := allVolumes()
	if err != nil {
		return nil, err
	}
	folder := os.NewFile(uintptr(all), volumes)
	defer folder.Close()
	entries, err := folder.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		if entry.IsDir() && valid.MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	sort.Strings(names)
	found := make([]volume, len(names))
	for i, name := range names {
		found[i] = volume{name, mountpoint(name)}
	}
	return object{"Volumes": found, "Err": ""}, nil
}

func path(asked call) (object, error) {
	err := oneVolume(asked.Name, func(_, _ int) error { return nil })
	return object{"Mountpoint": mountpoint(asked.Name), "Err": ""}, err
}

func mount(asked call) (object, error) {
	if err := check("ID", asked.ID); err != nil {
		return nil, err
	}
	err := oneVolume(asked.Name, func(_, folder int) error {
		data, err := open("data", folder)
		if err != nil {
			return err
		}
		defer syscall.Close(data)
		record, err := recordOfCaller(asked.from)
		if err != nil {
			return err
		}
		return addRecord(folder, asked.ID, record)
	})
	return object{"Mountpoint": mountpoint(asked.Name), "Err": ""}, err
}

func unmount(asked call) (object, error) {
	if err := check("ID", asked.ID); err != nil {
		return nil, err
	}
	err := oneVolume(asked.Name, func(_, folder int) error {
		return dropRecord(folder, asked.ID)
	})
	return object{"Err": ""}, err
}

func remove(asked call) (object, error) {
	gone := newAside()
	err := oneVolume(asked.Name, func(all, folder int) error {
		user, err := userByRecord(folder)
		if user == "" && err == nil {
			user, err = userByKernel(folder)
		}
		if err != nil {
			return err
		}
		if user != "" {
			return refuse(http.StatusConflict, "Volume %s is in use: %s.", asked.Name, user)
		}
		if err := syscall.Renameat(all, asked.Name, -1, gone); err != nil {
			return err
		}
		return syscall.Fsync(all)
	})
	if err != nil {
		return nil, err
	}
	go discard(gone)
	return object{"Err": ""}, nil
}

func check(key, name string) error {
	if valid.MatchString(name) {
		return nil
	}
	return refuse(http.StatusBadRequest, "%s %.80q cannot be used: take %s.", key, name, nameRule)
}

func mountpoint(name string) string { return volumes + "/" + name + "/data" }

// Folders

// open opens a folder, never through a link. Of a path that begins at the root, inside does not matter.
func open(folder string, inside int) (int, error) {
	return syscall.Openat(inside, folder, syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
}

func same(one, other *syscall.Stat_t) bool { return one.Dev == other.Dev && one.Ino == other.Ino }

// allVolumes opens the folder of all volumes, provided it is the one that the plugin began with.
func allVolumes() (int, error) {
	all, err := open(volumes, -1)
	if err != nil {
		return -1, err
	}
	var there syscall.Stat_t
	if err := syscall.Fstat(all, &there); err != nil || !same(&there, &beganWith) {
		syscall.Close(all)
		return -1, fmt.Errorf("%s is not the folder that the plugin began with", volumes)
	}
	return all, nil
}

// oneVolume does work with the folder of a volume, and keeps every other call away from it meanwhile.
func oneVolume(name string, work func(all, folder int) error) error {
	if err := check("Name", name); err != nil {
		return err
	}
	all, err := allVolumes()
	if err != nil {
		return err
	}
	defer syscall.Close(all)
	folder, err := open(name, all)
	if err == syscall.ENOENT || err == syscall.ENOTDIR {
		return refuse(http.StatusNotFound, "There is no volume %s.", name)
	} else if err != nil {
		return err
	}
	defer syscall.Close(folder)
	if err := syscall.Flock(folder, syscall.LOCK_EX); err != nil {
		return err
	}
	var opened, there syscall.Stat_t
	if err := syscall.Fstat(folder, &opened); err != nil {
		return err
	}
	// the call before this one may have been a Remove
	err = syscall.Lstat(filepath.Join(volumes, name), &there)
	if err == syscall.ENOENT || err == nil && !same(&opened, &there) {
		return refuse(http.StatusNotFound, "There is no volume %s.", name)
	} else if err != nil {
		return err
	}
	return work(all, folder)
}

// makeVolume makes a volume aside and moves it into place: at every instant it is there whole, or not at all.
func makeVolume(name string, all int) error {
	fresh := newAside()
	if err := makeAside(fresh, name, all); err != nil {
		discard(fresh)
		if err != syscall.EEXIST && err != syscall.ENOTEMPTY {
			return err
		}
	}
	return syscall.Fsync(all)
}

func makeAside(fresh, name string, all int) error {
	for _, each := range []struct {
		folder string
		mode   os.FileMode
	}{{fresh, 0o700}, {fresh + "/mounts", 0o700}, {fresh + "/data", 0o755}} {
		if err := os.Mkdir(each.folder, each.mode); err != nil {
			return err
		}
		if err := os.Chmod(each.folder, each.mode); err != nil {
			return err
		}
	}
	folder, err := open(fresh, -1)
	if err != nil {
		return err
	}
	defer syscall.Close(folder)
	if err := syscall.Fsync(folder); err != nil {
		return err
	}
	return syscall.Renameat(-1, fresh, all, name)
}

func newAside() string {
	number := make([]byte, 16)
	if _, err := rand.Read(number); err != nil {
		panic(err)
	}
	return aside + "/" + hex.EncodeToString(number)
}

// discard deletes what was put aside, but never what somebody has mounted in it.
func discard(path string) {
	if folder, err := open(path, -1); err == nil {
		user, err := userByKernel(folder)
		syscall.Close(folder)
		if err != nil || user != "" {
			log.Printf("%s is not deleted: %s %v", path, user, err)
			return
		}
	}
	exec.Command("rm", "-rf", "--one-file-system", "--", path).Run()
}

// clear deletes what an earlier run, killed at work, has left aside.
func clear(left []os.DirEntry) {
	for _, entry := range left {
		discard(aside + "/" + entry.Name())
	}
}

// Who has a volume: its records

// A record is a file ID.RANDOM in the volume's folder mounts, one for each Mount.

func addRecord(folder int, id, record string) error {
	fresh := newAside()
	file, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(record)
	if err == nil {
		err = file.Sync()
	}
	file.Close()
	if err == nil {
		random := make([]byte, 8)
		if _, err = rand.Read(random); err == nil {
			err = syscall.Renameat(-1, fresh, folder, fmt.Sprintf("mounts/%s.%x", inName(id), random))
		}
	}
	if err != nil {
		discard(fresh)
	}
	return err
}

// dropRecord deletes one record of this ID; one that counts goes first.
func dropRecord(folder int, id string) error {
	files, err := records(folder)
	if err != nil {
		return err
	}
	last := ""
	for _, file := range files {
		if dot := strings.LastIndexByte(file, '.'); dot < 0 || file[:dot] != inName(id) {
			continue
		}
		last = file
		record, err := readRecord(folder, file)
		if err != nil {
			return err
		}
		if mayLive(record) {
			break
		}
	}
	if last == "" {
		return nil
	}
	return syscall.Unlinkat(folder, "mounts/"+last)
}

func records(folder int) ([]string, error) {
	number, err := open("mounts", folder)
	if err != nil {
		return nil, err
	}
	mounts := os.NewFile(uintptr(number), "mounts")
	defer mounts.Close()
	return mounts.Readdirnames(-1)
}

func readRecord(folder int, name string) (string, error) {
	mounts, err := open("mounts", folder)
	if err != nil {
		return "", err
	}
	defer syscall.Close(mounts)
	number, err := syscall.Openat(mounts, name, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	file := os.NewFile(uintptr(number), name)
	defer file.Close()
	text, err := io.ReadAll(file)
	return string(text), err
}

// inName returns what stands for an ID in a file's name, which has at most 255 bytes.
func inName(id string) string {
	if len(id) <= 238 {
		return id
	}
	return fmt.Sprintf("_%x", sha256.Sum256([]byte(id)))
}

// recordOfCaller says who mounts: its pid, its start, and the world in which they hold.
func recordOfCaller(from *net.UnixConn) (string, error) {
	raw, err := from.SyscallConn()
	if err != nil {
		return "", err
	}
	var peer *syscall.Ucred
	var unknown error
	err = raw.Control(func(number uintptr) {
		peer, unknown = syscall.GetsockoptUcred(int(number), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || unknown != nil {
		return "", fmt.Errorf("the caller is not known: %v %v", err, unknown)
	}
	pid := strconv.Itoa(int(peer.Pid))
	return fmt.Sprintf("pid=%s start=%s namespace=%s boot=%s\n", pid, startTime(pid), pidNamespace(), boot()), nil
}

func userByRecord(folder int) (string, error) {
	files, err := records(folder)
	for _, file := range files {
		record, err := readRecord(folder, file)
		if err != nil {
			return "", err
		}
		if mayLive(record) {
			return fmt.Sprintf("a process has not unmounted %.12s", file), nil
		}
	}
	return "", err
}

func mayLive(record string) bool {
	var pid, started, namespace, booted string
	if n, _ := fmt.Sscanf(record, "pid=%s start=%s namespace=%s boot=%s\n", &pid, &started, &namespace, &booted); n != 4 {
		return true
	}
	if booted != boot() {
		return false
	}
	return pid == "0" || namespace != pidNamespace() || started == startTime(pid)
}

func startTime(pid string) string {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if err != nil || len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "0"
	}
	return fields[19]
}

func boot() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(text))
}

func pidNamespace() string {
	name, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		panic(err)
	}
	return name
}

// Who has a volume: the kernel's word

// A mounted is a line of mountinfo: its parent's number, which folder of which device, and where.
type mounted struct{ parent, device, root, point string }

// A view is a mount namespace, and the root from which a process sees it.
type view struct {
	namespace, root string
	device, inode   uint64
}

var (
	mountNumber = regexp.MustCompile(`mnt_id:\s*(\d+)`)
	unescape    = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
)

// userByKernel names a process that has this folder, or one in it, mounted, or has something mounted inside it.
func userByKernel(folder int) (string, error) {
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", folder))
	if err != nil {
		return "", err
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", folder))
	if err != nil {
		return "", err
	}
	ours, err := mountTable("self", "")
	if err != nil {
		return "", err
	}
	device, place := placeIn(ours[string(mountNumber.FindSubmatch(info)[1])], name)
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return "", err
	}
	known := map[view]bool{}
	for _, process := range processes {
		pid := process.Name()
		if pid[0] < '0' || pid[0] > '9' {
			continue
		}
		sees := viewOf(pid)
		if known[sees] {
			continue
		}
		table, err := mountTable(pid, filepath.Base(place))
		if err != nil {
			return "", err
		}
		for _, each := range table {
			if within(each.device, each.root, device, place) {
				return fmt.Sprintf("process %s has it mounted at %s", pid, each.point), nil
			}
			if parent, known := table[each.parent]; known {
				if on, point := placeIn(parent, each.point); within(on, point, device, place) {
					return fmt.Sprintf("something is mounted in it, at %s", each.point), nil
				}
			}
		}
		if sees != (view{}) && sees == viewOf(pid) {
			known[sees] = true
		}
	}
	return "", nil
}

// viewOf returns what all processes that see the same mounts have in common; a zero view where it cannot be known.
func viewOf(pid string) view {
	var top syscall.Stat_t
	namespace, err := os.Readlink("/proc/" + pid + "/ns/mnt")
	if err != nil {
		return view{}
	}
	root, err := os.Readlink("/proc/" + pid + "/root")
	if err != nil || syscall.Stat("/proc/"+pid+"/root", &top) != nil {
		return view{}
	}
	return view{namespace, root, top.Dev, top.Ino}
}

// mountTable returns what a process has mounted; nothing when it has ended, or no mount speaks of a file called about.
func mountTable(pid, about string) (map[string]mounted, error) {
	text, err := os.ReadFile("/proc/" + pid + "/mountinfo")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EINVAL) {
		return nil, nil
	} else if err != nil || !bytes.Contains(text, []byte("/"+about)) {
		return nil, err
	}
	table := map[string]mounted{}
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		fields := strings.SplitN(line, " ", 6)
		table[fields[0]] = mounted{fields[1], fields[2], unescape.Replace(fields[3]), unescape.Replace(fields[4])}
	}
	return table, nil
}

// placeIn returns where a path that leads through this mount is: on which device, and at which path there.
func placeIn(through mounted, path string) (string, string) {
	deeper, err := filepath.Rel(through.point, path)
	if err != nil {
		deeper = path
	}
	return through.device, filepath.Join(through.root, deeper)
}

func within(device, place, ofDevice, folder string) bool {
	return device == ofDevice && strings.HasPrefix(place+"/", folder+"/")
}

// The start

// prepare makes the folders, and makes sure that no other plugin works in them.
func prepare() (err error) {
	if err = os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return err
	}
	volumes, aside = filepath.Join(root, "volumes"), filepath.Join(root, "aside")
	for _, folder := range []string{volumes, aside} {
		if err = os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err = os.Chmod(folder, 0o700); err != nil {
			return err
		}
	}
	lock, err := open(root, -1) // stays open, and locked, as long as the plugin lives
	if err != nil {
		return err
	}
	if err = syscall.Flock(lock, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return err
	}
	if err = syscall.Fsync(lock); err != nil {
		return err
	}
	return syscall.Stat(volumes, &beganWith)
}

func listen() net.Listener {
	folder := filepath.Dir(socket)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		log.Fatal(err)
	}
	turn, err := os.Open(folder)
	if err != nil {
		log.Fatal(err)
	}
	defer turn.Close()
	if err := syscall.Flock(int(turn.Fd()), syscall.LOCK_EX); err != nil {
		log.Fatal(err)
	}
	makeRoom()
	umask := syscall.Umask(0o177)
	listener, err := net.Listen("unix", socket)
	syscall.Umask(umask)
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

// makeRoom removes the socket that a plugin left behind when it was killed, and nothing else.
func makeRoom() {
	info, err := os.Lstat(socket)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		log.Fatalf("%s exists and is not a socket", socket)
	}
	caller, err := net.DialTimeout("unix", socket, time.Second)
	if err == nil {
		caller.Close()
		log.Fatalf("somebody listens at %s already", socket)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		log.Fatalf("%s exists, but cannot be tried: %v", socket, err)
	}
	if err := os.Remove(socket); err != nil {
		log.Fatal(err)
	}
}
