// What Go's decoder makes of each input: tests/test_gojson.py gives them, and keeps the answers in table.jsonl.
//
// The types are those into which Docker decodes (moby volume/drivers/proxy.go, pkg/plugins/plugins.go and client.go).
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"time"
)

type proxyVolume struct {
	Name       string
	Mountpoint string
	CreatedAt  time.Time
	Status     map[string]interface{}
}

type Capability struct{ Scope string }

type Manifest struct{ Implements []string }

type volumeDriverProxyCreateResponse struct{ Err string }

type volumeDriverProxyMountResponse struct {
	Mountpoint string
	Err        string
}

type volumeDriverProxyGetResponse struct {
	Volume *proxyVolume
	Err    string
}

type volumeDriverProxyListResponse struct {
	Volumes []*proxyVolume
	Err     string
}

type volumeDriverProxyCapabilitiesResponse struct {
	Capabilities Capability
	Err          string
}

type responseErr struct{ Err string }

type Options struct {
	CAFile             string
	CertFile           string
	KeyFile            string
	InsecureSkipVerify bool
	ExclusiveRootPools bool
}

type Plugin struct {
	Addr      string
	TLSConfig *Options
}

func variable(kind string) interface{} {
	switch kind {
	case "Activate":
		return &Manifest{}
	case "Create":
		return &volumeDriverProxyCreateResponse{}
	case "Mount":
		return &volumeDriverProxyMountResponse{}
	case "Get":
		return &volumeDriverProxyGetResponse{}
	case "List":
		return &volumeDriverProxyListResponse{}
	case "Capabilities":
		return &volumeDriverProxyCapabilitiesResponse{}
	case "Plugin":
		return &Plugin{}
	}
	return &responseErr{}
}

type row struct {
	Into  string
	Input []byte
}

type answer struct {
	Value interface{} `json:"value"`
	Error string      `json:"error"`
}

func main() {
	inputs := json.NewDecoder(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	answers.SetEscapeHTML(false)
	for inputs.More() {
		var each row
		if err := inputs.Decode(&each); err != nil {
			panic(err)
		}
		ret := variable(each.Into)
		var err error
		if each.Into == "error" {
			err = json.Unmarshal(each.Input, ret)
		} else {
			into := ret // Docker decodes into the address of an interface
			err = json.NewDecoder(bytes.NewReader(each.Input)).Decode(&into)
		}
		said := answer{Value: ret}
		if err != nil {
			said = answer{Error: err.Error()}
		}
		if err := answers.Encode(said); err != nil {
			panic(err)
		}
	}
}
