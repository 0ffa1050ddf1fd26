package runtime

import (
	"slices"

	"mydocker/plan"
	"mydocker/runtime/process"
)

// CompileHook returns the plan of a hook in a container's namespaces: as
// [CompileJoin], but while the first process still prepares the container. Its
// root is the host's, and so are its rights, limits and control groups; what it
// executes is j.Program. Where only the host's root may enter the working directory
// that is done before it becomes the namespace's, and where nobody may, it is "/".
func CompileHook(j Join, f JoinFacts) (*plan.Plan, error) {
	spec := *j.Spec
	spec.Process = j.Process
	k := &compiler{Container: Container{Spec: &spec}, Facts: Facts{Cgroups: f.Cgroups}, program: j.Program}
	p := &plan.Plan{Init: slices.Concat(k.entered(), k.place(), k.namespaceRoot(), []plan.InitStep{process.Clean{}}, k.exec())}
	return p, k.err
}
