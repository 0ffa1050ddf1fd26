package cli

import "github.com/spf13/cobra"

// containerCommand groups the commands for containers under Docker's long names.
func (a *app) containerCommand() *cobra.Command {
	c := group("container", "Manage containers")
	c.AddCommand(a.runCommand(), a.createCommand(), a.startCommand(), a.rmCommand(), renamed(a.psCommand(), "ls [OPTIONS]", "ps", "list"),
		a.inspecting("container", "inspect [OPTIONS] CONTAINER [CONTAINER...]"), a.explainCommand(),
		a.killCommand(), a.pauseCommand(), a.unpauseCommand(), a.topCommand(), a.diffCommand(), a.renameCommand(), a.portCommand(), a.containerPruneCommand(),
		a.execCommand(), a.attachCommand(), a.logsCommand(), a.stopCommand(), a.restartCommand(), a.waitCommand())
	return c
}

// imageCommand groups the commands for images.
func (a *app) imageCommand() *cobra.Command {
	c := group("image", "Manage images")
	c.AddCommand(renamed(a.imagesCommand(), "ls [OPTIONS] [REPOSITORY[:TAG]]", "list"), renamed(a.rmiCommand(), "rm [OPTIONS] IMAGE [IMAGE...]", "remove"),
		a.importCommand(), a.imagePruneCommand(), a.elsewhereNamed("pull"), a.inspecting("image", "inspect [OPTIONS] IMAGE [IMAGE...]"))
	return c
}

func group(name, short string) *cobra.Command {
	return &cobra.Command{Use: name + " COMMAND", Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, args []string) error { return c.Help() }}
}

func renamed(c *cobra.Command, use string, aliases ...string) *cobra.Command {
	c.Use, c.Aliases = use, aliases
	return c
}
