// Package ocispec has the types of the OCI image specification that are used
// here, field by field as
// https://github.com/opencontainers/image-spec/blob/main/config.md names them.
// The specification's own Go module brings regular expressions that every start
// of the command would compile.
package ocispec

import "time"

// Image is an image's configuration.
type Image struct {
	Created *time.Time `json:"created,omitempty"`
	Author  string     `json:"author,omitempty"`
	Platform
	Config  ImageConfig `json:"config,omitempty"`
	RootFS  RootFS      `json:"rootfs"`
	History []History   `json:"history,omitempty"`
}

// Platform is what an image runs on.
type Platform struct {
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	OSVersion    string   `json:"os.version,omitempty"`
	OSFeatures   []string `json:"os.features,omitempty"`
	Variant      string   `json:"variant,omitempty"`
}

// ImageConfig is what a container gets when it asks for nothing else.
type ImageConfig struct {
	User         string              `json:"User,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env          []string            `json:"Env,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	Volumes      map[string]struct{} `json:"Volumes,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty"`
	StopSignal   string              `json:"StopSignal,omitempty"`
	ArgsEscaped  bool                `json:"ArgsEscaped,omitempty"` // of Windows

	// What the specification lacks and Docker's images have.
	Healthcheck *Healthcheck `json:"Healthcheck,omitempty"`
	Shell       []string     `json:"Shell,omitempty"`   // what runs a line of CMD, ENTRYPOINT and HEALTHCHECK
	OnBuild     []string     `json:"OnBuild,omitempty"` // lines of a Dockerfile, for images that begin with this one
}

// Healthcheck is how to find out whether a container is well. Zeros are the
// defaults: whose, is for the one that checks.
type Healthcheck struct {
	// Test is ["NONE"] to check nothing, ["CMD", word, ...], or ["CMD-SHELL", line];
	// empty is the image's below.
	Test          []string      `json:"Test,omitempty"`
	Interval      time.Duration `json:"Interval,omitempty"` // in JSON all are nanoseconds
	Timeout       time.Duration `json:"Timeout,omitempty"`
	StartPeriod   time.Duration `json:"StartPeriod,omitempty"`
	StartInterval time.Duration `json:"StartInterval,omitempty"`
	Retries       int           `json:"Retries,omitempty"`
}

// RootFS are the layers, the lowest first.
type RootFS struct {
	Type    string   `json:"type"`     // "layers"
	DiffIDs []Digest `json:"diff_ids"` // of the uncompressed archives
}

// A Digest is "sha256:<hex>", or names another algorithm. One that was read is
// not checked yet.
type Digest string

// History tells how a layer was made.
type History struct {
	Created    *time.Time `json:"created,omitempty"`
	CreatedBy  string     `json:"created_by,omitempty"`
	Author     string     `json:"author,omitempty"`
	Comment    string     `json:"comment,omitempty"`
	EmptyLayer bool       `json:"empty_layer,omitempty"`
}
