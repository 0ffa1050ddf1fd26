package testenv

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Registry is a docker-registry, as Debian has it, on a port of its own.
type Registry struct {
	Host string // 127.0.0.1:PORT
	Dir  string // log; data, its storage; with TLS: ca.crt, client.crt, client.key
}

// RegistryOptions say how it is to be spoken to.
type RegistryOptions struct {
	TLS      bool     // with a certificate of the authority ca.crt, which clients' may be of, too
	Names    []string // more names of the certificate
	Password bool     // for the user "user" it is "secret"
}

// StartRegistry starts one, which ends with the test.
func StartRegistry(t testing.TB, o RegistryOptions) Registry {
	t.Helper()
	for _, tool := range []string{"docker-registry", "htpasswd"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	d := Registry{Dir: t.TempDir()}
	conf := fmt.Sprintf("version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %s/data}}\nhttp:\n  addr: 127.0.0.1:0\n", d.Dir)
	if o.TLS {
		Certificates(t, d.Dir, o.Names...)
		conf += fmt.Sprintf("  tls: {certificate: %[1]s/server.crt, key: %[1]s/server.key, clientcas: [%[1]s/ca.crt]}\n", d.Dir)
	}
	if o.Password {
		out, err := exec.Command("htpasswd", "-Bbn", "user", "secret").Output()
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(d.Dir, "passwords"), out)
		conf += fmt.Sprintf("auth: {htpasswd: {realm: here, path: %s/passwords}}\n", d.Dir)
	}
	write(t, filepath.Join(d.Dir, "config.yml"), []byte(conf))
	d.Host = serve(t, filepath.Join(d.Dir, "config.yml"), filepath.Join(d.Dir, "log"))
	return d
}

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// serve runs it until the test ends, and returns the address that it logs.
func serve(t testing.TB, config, log string) string {
	t.Helper()
	cmd := exec.Command("docker-registry", "serve", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	logs := io.TeeReader(pipe, file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		file.Close()
	})
	var seen strings.Builder
	for lines := bufio.NewScanner(logs); lines.Scan(); {
		seen.WriteString(lines.Text() + "\n")
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			go func() { // it must not wait for a reader
				for lines.Scan() {
				}
			}()
			return m[1]
		}
	}
	t.Fatalf("docker-registry did not start:\n%s", &seen)
	return ""
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Certificates writes an authority, and of it a server's certificate for
// this machine, and for other names of it, and a client's.
func Certificates(t testing.TB, dir string, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour)}
	for i, name := range []string{"ca", "server", "client"} {
		own, c := key, authority
		if name != "ca" {
			if own, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
				t.Fatal(err)
			}
			c = &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), NotAfter: time.Now().Add(time.Hour),
				IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature,
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
		}
		der, err := x509.CreateCertificate(rand.Reader, c, authority, &own.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := x509.MarshalECPrivateKey(own)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		write(t, filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}))
	}
}
