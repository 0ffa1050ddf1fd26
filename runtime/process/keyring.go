package process

import (
	"syscall"

	"mydocker/initprog"
	"mydocker/plan"
)

// Keyring gives the process a session keyring of that name, rather than the one
// of whoever made the container; see keyctl_join_session_keyring(3). Joining
// processes find the container's by its name.
type Keyring struct {
	Name string
	// Made says that the keyring is the first process's: its permissions are
	// set so that the others find it.
	Made bool
	// Mapped says that the process is in a user namespace, where the others may
	// have other users.
	Mapped bool
}

// Permissions of a keyring, see keyctl_setperm(3): what a new one has, and the
// right to search it.
const (
	keyDefault     = 0x3f130000 // all to who possesses it; view, read, link to its user
	keyUserSearch  = 0x00080000
	keyOtherSearch = 0x00000008
)

// Emit calls keyctl(2). A kernel without keyrings needs none.
func (k Keyring) Emit(b *initprog.Builder) {
	const join, setPerm = 1, 5
	key, without := b.Slot(), b.NewLabel()
	b.Sys("keyctl", join, k.Name).Into(key).Allow(syscall.ENOSYS).Says("join session keyring " + k.Name)
	if k.Made {
		perm := keyDefault | keyUserSearch
		if k.Mapped {
			perm = keyDefault | keyOtherSearch
		}
		b.JumpNegative(key, without)
		b.Sys("keyctl", setPerm, key, perm).Says("set the keyring's permissions")
	}
	b.Place(without)
}

// Shell says which program would start the container's with it.
func (k Keyring) Shell() string {
	return "# a session keyring: " + plan.Cmd("keyctl", "session", k.Name)
}
