package engine

import (
	"mydocker/container"
	"mydocker/image"
)

// List returns all containers, the youngest first, as they are now.
func (e *Engine) List() ([]container.Record, error) { return e.Containers.List() }

// ImageUsers returns the short IDs of the containers that were made from an image.
func (e *Engine) ImageUsers() (func(imageID string) []string, error) {
	all, err := e.Containers.List()
	if err != nil {
		return nil, err
	}
	users := map[string][]string{}
	for _, r := range all {
		users[r.ImageID] = append(users[r.ImageID], r.ID[:12])
	}
	return func(id string) []string { return users[id] }, nil
}

// RemoveImage removes an image or one of its names.
func (e *Engine) RemoveImage(nameOrID string, force bool) ([]image.Deleted, error) {
	users, err := e.ImageUsers()
	if err != nil {
		return nil, err
	}
	return e.Images.Remove(nameOrID, force, users)
}

// PruneImages removes the images without a name and without a container; with all
// set, those with names, too.
func (e *Engine) PruneImages(all bool) (image.Pruned, error) {
	users, err := e.ImageUsers()
	if err != nil {
		return image.Pruned{}, err
	}
	return e.Images.Prune(all, nil, users)
}
