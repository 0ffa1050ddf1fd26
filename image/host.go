package image

import (
	"os"
	"runtime"

	"mydocker/internal/ocispec"
)

// HostName is the repository of the embedded image, which is there without
// any import: its files are the host's own, under an overlay.
const HostName = "host"

const (
	hostFull = HostName + ":latest"
	hostPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// hostID is the same on every machine and in every version.
func hostID() string { return digest([]byte("the root file system of the host")) }

func hostImage() Image {
	shell := "/bin/sh"
	if _, err := os.Stat("/bin/bash"); err == nil {
		shell = "/bin/bash"
	}
	return Image{
		ID: hostID(), Names: []string{hostFull}, Lowers: []string{"/"}, Host: true,
		Config: ocispec.Image{
			Platform: ocispec.Platform{Architecture: runtime.GOARCH, OS: "linux"},
			Config:   ocispec.ImageConfig{Env: []string{hostPath}, Cmd: []string{shell}, WorkingDir: "/"},
			RootFS:   ocispec.RootFS{Type: "layers"},
		},
	}
}
