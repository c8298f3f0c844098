/* O_DIRECT: see fs/direct.c. */
#ifndef FS_DIRECT_H
#define FS_DIRECT_H

#include "fs/vnode.h"

/* Can this vnode be read and written past the page cache? A file on a disk, or a disk. */
bool direct_possible(const struct vnode *vnode);

/*
 * Between user memory and the disk. Bytes, or errno: -EINVAL where address, length or position is no multiple
 * of a sector. Both may sleep; both return only when the disk no longer touches the memory.
 */
long direct_read(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position);
long direct_write(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position);
/* At the end of the file: *@position gets the place. */
long direct_append(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t *position);

#endif
