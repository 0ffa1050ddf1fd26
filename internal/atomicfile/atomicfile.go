// Package atomicfile replaces files as a whole: whoever reads one sees either
// the old contents or the new, also after a crash.
package atomicfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// TempPrefix starts the names of the files a killed writer leaves behind. They
// lie beside the file they were meant for and nobody else writes such names.
const TempPrefix = ".atomic-"

// Write replaces the file at path, or makes it, with mode whatever the umask
// is. A symbolic link at path is replaced, not followed. With sync the file and
// its directory have reached the disk when Write returns nil; without it only
// other processes are served, not a power cut. On an error the old file stands
// (after a failed last sync it may be the new one).
func Write(path string, data []byte, mode fs.FileMode, sync bool) error {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, TempPrefix+base+"-*")
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	err = fill(f, data, mode, sync)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("replace %s: %w", path, err)
	}
	if sync {
		return SyncDir(dir)
	}
	return nil
}

// fill writes and closes the temporary file.
func fill(f *os.File, data []byte, mode fs.FileMode, sync bool) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil && sync {
		err = f.Sync()
	}
	// A close may report a write that failed late, so it counts.
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// SyncDir brings the entries of a directory to the disk: names made, renamed
// or removed in it before the call.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
