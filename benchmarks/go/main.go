// A volume plugin in Go with the standard library alone, to run the checks on something that is not Python.
//
// It keeps its volumes as part 3 does, in $DDD_ROOT/volumes/NAME/data, and one line for each Mount in
// volumes/NAME/mounts/ID. It does not look at the processes behind its mounts: every record counts.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"
)

const mediaType = "application/vnd.docker.plugins.v1.2+json"

var (
	socket  = setting("DDD_SOCKET", "/run/docker/plugins/ddd.sock")
	root    = setting("DDD_ROOT", "/var/lib/ddd")
	volumes = filepath.Join(root, "volumes")
	aside   = filepath.Join(root, "aside")
	valid   = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$`)
	turn    sync.Mutex
)

type object = map[string]any

type call struct {
	Name string
	ID   string
	Opts map[string]string
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	for _, folder := range []string{volumes, aside} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			log.Fatal(err)
		}
	}
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM, syscall.SIGINT)
	listener := listen()
	go http.Serve(listener, routes())
	<-stopped
	listener.Close() // takes the socket file away, too
}

// listen replaces a socket that nobody listens on, and nothing else.
func listen() net.Listener {
	if info, err := os.Lstat(socket); err == nil {
		if info.Mode()&os.ModeSocket == 0 {
			log.Fatalf("%s is there and is no socket", socket)
		}
		if connection, err := net.DialTimeout("unix", socket, time.Second); err == nil {
			connection.Close()
			log.Fatalf("somebody listens at %s already", socket)
		}
		os.Remove(socket)
	}
	syscall.Umask(0o177)
	listener, err := net.Listen("unix", socket)
	syscall.Umask(0o022)
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			fmt.Fprintln(w, "Hello! I am a plugin in Go.")
			return
		}
		refuse(w, http.StatusNotFound, fmt.Errorf("there is no endpoint %s", r.URL.Path))
	})
	mux.HandleFunc("/Plugin.Activate", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, object{"Implements": []string{"VolumeDriver"}})
	})
	mux.HandleFunc("/VolumeDriver.Capabilities", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, object{"Capabilities": object{"Scope": "local"}})
	})
	mux.HandleFunc("/VolumeDriver.List", func(w http.ResponseWriter, r *http.Request) { list(w) })
	for name, handle := range map[string]func(call) (object, error){
		"Create": create, "Get": get, "Path": path, "Mount": mount, "Unmount": unmount, "Remove": remove,
	} {
		mux.HandleFunc("/VolumeDriver."+name, endpoint(name, handle))
	}
	return mux
}

func endpoint(name string, handle func(call) (object, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked call
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked); err != nil {
			refuse(w, http.StatusBadRequest, fmt.Errorf("the body is no JSON object: %w", err))
			return
		}
		if !valid.MatchString(asked.Name) {
			refuse(w, http.StatusBadRequest, fmt.Errorf("%q cannot be a volume's name", asked.Name))
			return
		}
		if (name == "Mount" || name == "Unmount") && !valid.MatchString(asked.ID) {
			refuse(w, http.StatusBadRequest, fmt.Errorf("%q cannot be a mount's ID", asked.ID))
			return
		}
		turn.Lock()
		defer turn.Unlock()
		if name != "Create" {
			if info, err := os.Lstat(filepath.Join(volumes, asked.Name)); err != nil || !info.IsDir() {
				refuse(w, http.StatusNotFound, fmt.Errorf("there is no volume %s", asked.Name))
				return
			}
		}
		said, err := handle(asked)
		if err != nil {
			refuse(w, http.StatusInternalServerError, err)
			return
		}
		said["Err"] = ""
		answer(w, http.StatusOK, said)
	}
}

func answer(w http.ResponseWriter, status int, body object) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, err error) {
	answer(w, status, object{"Err": err.Error()})
}

func mountpoint(name string) string { return filepath.Join(volumes, name, "data") }

func create(asked call) (object, error) {
	if len(asked.Opts) > 0 {
		return nil, fmt.Errorf("there are no options")
	}
	if _, err := os.Lstat(filepath.Join(volumes, asked.Name)); err == nil {
		return object{}, nil
	}
	fresh, err := os.MkdirTemp(aside, "new")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(fresh, "mounts"), 0o700); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(fresh, "data"), 0o755); err != nil {
		return nil, err
	}
	return object{}, os.Rename(fresh, filepath.Join(volumes, asked.Name))
}

func get(asked call) (object, error) {
	info, err := os.Stat(filepath.Join(volumes, asked.Name))
	if err != nil {
		return nil, err
	}
	return object{"Volume": object{
		"Name": asked.Name, "Mountpoint": mountpoint(asked.Name), "CreatedAt": info.ModTime().Format(time.RFC3339),
	}}, nil
}

func list(w http.ResponseWriter) {
	entries, err := os.ReadDir(volumes)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	found := []object{}
	for _, entry := range entries {
		found = append(found, object{"Name": entry.Name(), "Mountpoint": mountpoint(entry.Name())})
	}
	answer(w, http.StatusOK, object{"Volumes": found, "Err": ""})
}

func path(asked call) (object, error) { return object{"Mountpoint": mountpoint(asked.Name)}, nil }

func record(asked call) string { return filepath.Join(volumes, asked.Name, "mounts", asked.ID) }

func mount(asked call) (object, error) {
	lines, _ := os.ReadFile(record(asked))
	if err := os.WriteFile(record(asked), append(lines, "mounted\n"...), 0o600); err != nil {
		return nil, err
	}
	return object{"Mountpoint": mountpoint(asked.Name)}, nil
}

func unmount(asked call) (object, error) {
	lines, err := os.ReadFile(record(asked))
	if err != nil {
		return object{}, nil
	}
	if len(lines) <= len("mounted\n") {
		return object{}, os.Remove(record(asked))
	}
	return object{}, os.WriteFile(record(asked), lines[len("mounted\n"):], 0o600)
}

func remove(asked call) (object, error) {
	mounts, err := os.ReadDir(filepath.Join(volumes, asked.Name, "mounts"))
	if err != nil {
		return nil, err
	}
	if len(mounts) > 0 {
		return nil, fmt.Errorf("volume %s is in use: %s has it", asked.Name, mounts[0].Name())
	}
	gone, err := os.MkdirTemp(aside, "gone")
	if err != nil {
		return nil, err
	}
	if err := os.Rename(filepath.Join(volumes, asked.Name), filepath.Join(gone, "volume")); err != nil {
		return nil, err
	}
	go os.RemoveAll(gone)
	return object{}, nil
}
