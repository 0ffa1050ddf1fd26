package credentials

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// errNone is a helper's answer that it knows nothing of a server.
var errNone = errors.New("credentials not found")

const (
	maxHelper  = 1 << 20         // bytes of a helper's answer
	helperTime = 2 * time.Minute // it may ask the user
)

// helperAnswer is what get prints, and what store reads.
type helperAnswer struct {
	ServerURL, Username, Secret string
}

func helperGet(ctx context.Context, name, server string) (Credential, error) {
	out, err := runHelper(ctx, name, "get", []byte(server))
	if err != nil {
		return Credential{}, err
	}
	var a helperAnswer
	if err := json.Unmarshal(out, &a); err != nil {
		return Credential{}, fmt.Errorf("read the answer of docker-credential-%s: %w", name, err)
	}
	if a.Username == tokenUser {
		return Credential{IdentityToken: a.Secret}, nil
	}
	return Credential{Username: a.Username, Password: a.Secret}, nil
}

func helperStore(ctx context.Context, name, server string, c Credential) error {
	a := helperAnswer{server, c.Username, c.Password}
	if c.IdentityToken != "" {
		a.Username, a.Secret = tokenUser, c.IdentityToken
	}
	in, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = runHelper(ctx, name, "store", in)
	return err
}

func helperErase(ctx context.Context, name, server string) error {
	_, err := runHelper(ctx, name, "erase", []byte(server))
	return err
}

// runHelper speaks the protocol of docker-credential-helpers: the action is the
// one argument, the rest goes through the standard streams. Errors are printed
// to standard output.
func runHelper(ctx context.Context, name, action string, in []byte) ([]byte, error) {
	if strings.ContainsAny(name, "/\x00") {
		return nil, fmt.Errorf("credential helper %q: not a name", name)
	}
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker-credential-"+name, action)
	cmd.WaitDelay = time.Second
	out := &bounded{max: maxHelper}
	cmd.Stdin, cmd.Stdout = bytes.NewReader(in), out
	err := cmd.Run()
	text := strings.TrimSpace(out.String())
	switch {
	case err == nil && out.over:
		return nil, fmt.Errorf("credential helper docker-credential-%s: more than %d bytes", name, maxHelper)
	case err == nil:
		return out.Bytes(), nil
	case strings.Contains(text, "credentials not found"):
		return nil, errNone
	case text != "":
		return nil, fmt.Errorf("credential helper docker-credential-%s: %s: %w", name, text, err)
	}
	return nil, fmt.Errorf("credential helper docker-credential-%s: %w", name, err)
}

// bounded keeps the first bytes written and takes the rest.
type bounded struct {
	bytes.Buffer
	max  int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.max {
		b.over = true
		return len(p), nil
	}
	return b.Buffer.Write(p)
}
