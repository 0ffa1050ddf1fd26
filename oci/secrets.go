package oci

// HostSecrets returns the paths that a container which is a copy of the host
// ("host" image) does not get to see: what proves who somebody is (private keys,
// tokens, password hashes) and the stores of container engines, whose content
// is not the container's business. The copy is for trying things out; a program
// tried out there would otherwise read as root what only the host's root may,
// and could send it away.
//
// A path may hold "*", as in path.Match: the engine puts what exists there into
// [Container.Hidden], and adds its own directories where they lie elsewhere.
//
// Configuration without secrets stays: /etc/passwd and /etc/sudoers are needed
// for su and sudo to work, shell histories and mail are personal but open no
// door. A price is paid: programs that rewrite /etc/shadow, such as useradd,
// fail in the container (a mount point cannot be replaced, EBUSY). Who needs
// them says --security-opt hostsecrets=visible.
func HostSecrets() []string {
	out := []string{
		// Engines: layers, volumes and records of other containers.
		"/var/lib/mydocker", "/run/mydocker",
		"/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/buildkit",
		"/var/lib/kubelet", "/var/lib/etcd", "/var/lib/rancher", "/var/lib/k0s", "/var/lib/microk8s",
		"/var/lib/lxc", "/var/lib/lxd", "/var/lib/incus", "/var/lib/machines", "/var/lib/libvirt/secrets",
		"/etc/kubernetes", "/etc/rancher", "/etc/docker/key.json", "/etc/containers/auth.json",

		// Password hashes, and their backups.
		"/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/security/opasswd",
		"/var/backups/shadow.bak", "/var/backups/gshadow.bak", "/etc/master.passwd",
		"/var/lib/sss/db", "/var/lib/sss/secrets", "/var/lib/samba/private", "/etc/samba/smbpasswd",

		// Private keys of the machine.
		"/etc/ssh/ssh_host_*_key", "/etc/ssl/private", "/etc/pki/tls/private", "/etc/letsencrypt",
		"/etc/krb5.keytab", "/etc/cryptsetup-keys.d", "/etc/luks", "/etc/credstore", "/etc/credstore.encrypted",
		"/var/lib/systemd/credential.secret", "/var/lib/tpm", "/etc/ceph", "/etc/cloudflared",

		// Networks: wireless passphrases, tunnels, dial-up.
		"/etc/NetworkManager/system-connections", "/var/lib/NetworkManager/secret_key", "/etc/netplan",
		"/etc/wpa_supplicant", "/var/lib/iwd", "/etc/wireguard", "/etc/openvpn", "/etc/ipsec.secrets",
		"/etc/ipsec.d/private", "/etc/swanctl/private", "/etc/ppp/chap-secrets", "/etc/ppp/pap-secrets",
		"/var/lib/tailscale", "/var/lib/zerotier-one",

		// What a cloud gave the machine at its first boot.
		"/var/lib/cloud/instances", "/var/lib/cloud/seed", "/var/lib/waagent",
	}
	for _, home := range []string{"/root", "/home/*"} {
		for _, name := range homeSecrets() {
			out = append(out, home+"/"+name)
		}
	}
	return out
}

// homeSecrets are the same below a home directory.
func homeSecrets() []string {
	return []string{
		".ssh", ".gnupg", ".password-store", ".local/share/keyrings", ".pki", ".age", ".config/sops",
		".aws", ".azure", ".oci", ".config/gcloud", ".config/doctl", ".config/hcloud", ".boto", ".s3cfg", ".config/rclone",
		".kube", ".docker", ".config/containers/auth.json", ".config/helm", ".local/share/containers", ".local/share/docker",
		".netrc", ".git-credentials", ".config/git/credentials", ".config/gh", ".config/glab-cli", ".config/hub",
		".npmrc", ".yarnrc.yml", ".pypirc", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials",
		".m2/settings.xml", ".gradle/gradle.properties", ".composer/auth.json", ".terraform.d/credentials.tfrc.json",
		".vault-token", ".pgpass", ".my.cnf", ".mylogin.cnf", ".config/wireguard", ".mozilla", ".config/google-chrome",
		".config/chromium", ".electrum", ".bitcoin",
	}
}
