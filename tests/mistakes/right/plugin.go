// A right plugin in Go: net/http, and nothing else.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

type Request struct {
	Name string
	ID   string
	Opts map[string]string
}

type Volume struct {
	Name       string
	Mountpoint string
}

type Response struct {
	Mountpoint string `json:",omitempty"`
	Volume     *Volume `json:",omitempty"`
	Volumes    []Volume
	Err        string
}

type Driver struct {
	sync.Mutex
	root string
}

var validName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$`)

func (d *Driver) data(name string) string {
	return filepath.Join(d.root, name, "data")
}

func (d *Driver) mounts(name string) string {
	return filepath.Join(d.root, name, "mounts")
}

func (d *Driver) exists(r *Request) error {
	if _, err := os.Stat(d.data(r.Name)); err != nil {
		return fmt.Errorf("no volume %s", r.Name)
	}
	return nil
}

func (d *Driver) create(r *Request, answer *Response) error {
	for option := range r.Opts {
		return fmt.Errorf("option %s is not known", option)
	}
	if err := os.MkdirAll(d.mounts(r.Name), 0o755); err != nil {
		return err
	}
	return os.MkdirAll(d.data(r.Name), 0o755)
}

func (d *Driver) get(r *Request, answer *Response) error {
	answer.Volume = &Volume{r.Name, d.data(r.Name)}
	return d.exists(r)
}

func (d *Driver) path(r *Request, answer *Response) error {
	answer.Mountpoint = d.data(r.Name)
	return d.exists(r)
}

func (d *Driver) mount(r *Request, answer *Response) error {
	if !validName.MatchString(r.ID) {
		return errors.New("ID is not valid")
	}
	if err := d.exists(r); err != nil {
		return err
	}
	record, err := os.CreateTemp(d.mounts(r.Name), r.ID+".*")
	if err != nil {
		return err
	}
	answer.Mountpoint = d.data(r.Name)
	return record.Close()
}

func (d *Driver) unmount(r *Request, answer *Response) error {
	if err := d.exists(r); err != nil {
		return err
	}
	records, err := os.ReadDir(d.mounts(r.Name))
	for _, record := range records {
		if strings.HasPrefix(record.Name(), r.ID+".") {
			return os.Remove(filepath.Join(d.mounts(r.Name), record.Name()))
		}
	}
	return err
}

func (d *Driver) remove(r *Request, answer *Response) error {
	if err := d.exists(r); err != nil {
		return err
	}
	users, err := os.ReadDir(d.mounts(r.Name))
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("volume %s is in use", r.Name)
	}
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(table), d.data(r.Name)+"/") {
		return fmt.Errorf("something is mounted in volume %s", r.Name)
	}
	return os.RemoveAll(filepath.Join(d.root, r.Name))
}

func (d *Driver) list(w http.ResponseWriter, _ *http.Request) {
	found, _ := filepath.Glob(d.data("*"))
	answer := Response{Volumes: []Volume{}}
	for _, data := range found {
		name := filepath.Base(filepath.Dir(data))
		answer.Volumes = append(answer.Volumes, Volume{Name: name, Mountpoint: data})
	}
	json.NewEncoder(w).Encode(answer)
}

func (d *Driver) handle(path string, call func(*Request, *Response) error) {
	http.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
		d.Lock()
		defer d.Unlock()
		var request Request
		var answer Response
		err := json.NewDecoder(req.Body).Decode(&request)
		if err == nil && !validName.MatchString(request.Name) {
			err = fmt.Errorf("%q is not a name", request.Name)
		}
		if err == nil {
			err = call(&request, &answer)
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			answer = Response{Err: err.Error()}
		}
		json.NewEncoder(w).Encode(answer)
	})
}

func listen(path string) net.Listener {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&os.ModeSocket == 0 {
			log.Fatalf("%s is not a socket", path)
		}
		if _, err := net.Dial("unix", path); err == nil {
			log.Fatalf("a plugin listens at %s", path)
		}
		os.Remove(path)
	}
	old := syscall.Umask(0o177)
	listener, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func main() {
	d := &Driver{root: os.Getenv("DDD_ROOT")}
	if err := os.MkdirAll(d.root, 0o700); err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/" {
			w.WriteHeader(http.StatusNotFound)
			json.NewEncoder(w).Encode(Response{Err: "no call " + req.URL.Path})
			return
		}
		fmt.Fprintln(w, "Hello from Go")
	})
	http.HandleFunc("/Plugin.Activate", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string][]string{"Implements": {"VolumeDriver"}})
	})
	http.HandleFunc("/VolumeDriver.Capabilities", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]map[string]string{"Capabilities": {"Scope": "local"}})
	})
	http.HandleFunc("/VolumeDriver.List", d.list)
	d.handle("/VolumeDriver.Create", d.create)
	d.handle("/VolumeDriver.Get", d.get)
	d.handle("/VolumeDriver.Path", d.path)
	d.handle("/VolumeDriver.Mount", d.mount)
	d.handle("/VolumeDriver.Unmount", d.unmount)
	d.handle("/VolumeDriver.Remove", d.remove)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	listener := listen(os.Getenv("DDD_SOCKET"))
	go http.Serve(listener, nil)
	<-stop
	listener.Close()
}
