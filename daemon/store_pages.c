/* SPDX-License-Identifier: MIT
 *
 * store_pages.c - a layer under SQLite that puts a checksum into the last 8 bytes of every page of
 * the store and looks at it when the page is read: a flipped bit is an error, not another figure.
 * Main only.
 *
 * SQLite's own VFS does the work; this one only sees whole pages of the main file pass by. The WAL
 * has checksums of SQLite's own. A store that was made without room for them (before format 4) is
 * read as it is. Invariant: a page whose checksum is wrong never reaches SQLite. Must never: change
 * the file otherwise.
 */
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#define VFS_NAME      "straitd"
#define RESERVED_AT   20 /* in the header of an SQLite file: unused bytes at the end of a page */
#define HEADER_NEEDED (RESERVED_AT + 1)
#define LANES	      4u

struct page_file {
	sqlite3_file base;
	bool checked;	    /* its pages have checksums */
	sqlite3_file *real; /* behind this struct */
};

/* Four independent lanes of 64-bit multiply and rotate, so that a page costs some hundred ns. Not
 * for an adversary: whoever can write the file can write the sums. */
static uint64_t sum_of(const uint8_t *page, uint64_t number)
{
	static const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t lanes[LANES] = { number + 1, number + 2, number + 3, number + 4 };
	size_t words = (STORE_PAGE_BYTES - STORE_PAGE_SUM_BYTES) / sizeof(uint64_t);
	uint64_t sum = odd;

	for (size_t i = 0; i < words; i++) {
		uint64_t word, *lane = &lanes[i % LANES];

		memcpy(&word, page + i * sizeof(word), sizeof(word));
		*lane = (*lane ^ word) * odd;
		*lane = *lane << 31 | *lane >> 33;
	}
	for (size_t i = 0; i < LANES; i++) {
		sum = (sum ^ lanes[i]) * odd;
		sum ^= sum >> 29;
	}
	return sum;
}

static bool is_page(int size, sqlite3_int64 offset)
{
	return size == (int)STORE_PAGE_BYTES && offset % STORE_PAGE_BYTES == 0;
}

static void note_header(struct page_file *file, const uint8_t *data, int size, sqlite3_int64 offset)
{
	if (offset == 0 && size >= HEADER_NEEDED)
		file->checked = data[RESERVED_AT] == STORE_PAGE_SUM_BYTES;
}

static int page_close(sqlite3_file *base)
{
	sqlite3_file *real = ((struct page_file *)base)->real;

	return real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
}

static int page_read(sqlite3_file *base, void *data, int size, sqlite3_int64 offset)
{
	struct page_file *file = (struct page_file *)base;
	int result = file->real->pMethods->xRead(file->real, data, size, offset);
	uint64_t kept;

	if (result != SQLITE_OK)
		return result;
	note_header(file, data, size, offset);
	if (!file->checked || !is_page(size, offset))
		return SQLITE_OK;
	memcpy(&kept, (uint8_t *)data + STORE_PAGE_BYTES - STORE_PAGE_SUM_BYTES, sizeof(kept));
	return kept == sum_of(data, (uint64_t)(offset / STORE_PAGE_BYTES)) ? SQLITE_OK
									   : SQLITE_CORRUPT;
}

static int page_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset)
{
	struct page_file *file = (struct page_file *)base;
	uint8_t page[STORE_PAGE_BYTES];
	uint64_t sum;

	note_header(file, data, size, offset);
	if (!file->checked || !is_page(size, offset))
		return file->real->pMethods->xWrite(file->real, data, size, offset);
	memcpy(page, data, sizeof(page));
	sum = sum_of(page, (uint64_t)(offset / STORE_PAGE_BYTES));
	memcpy(page + STORE_PAGE_BYTES - STORE_PAGE_SUM_BYTES, &sum, sizeof(sum));
	return file->real->pMethods->xWrite(file->real, page, size, offset);
}

#define REAL(base) (((struct page_file *)(base))->real)

static int page_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	return REAL(base)->pMethods->xTruncate(REAL(base), size);
}

static int page_sync(sqlite3_file *base, int flags)
{
	return REAL(base)->pMethods->xSync(REAL(base), flags);
}

static int page_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
	return REAL(base)->pMethods->xFileSize(REAL(base), ret_size);
}

static int page_lock(sqlite3_file *base, int lock)
{
	return REAL(base)->pMethods->xLock(REAL(base), lock);
}

static int page_unlock(sqlite3_file *base, int lock)
{
	return REAL(base)->pMethods->xUnlock(REAL(base), lock);
}

static int page_reserved(sqlite3_file *base, int *ret_reserved)
{
	return REAL(base)->pMethods->xCheckReservedLock(REAL(base), ret_reserved);
}

static int page_control(sqlite3_file *base, int what, void *argument)
{
	return REAL(base)->pMethods->xFileControl(REAL(base), what, argument);
}

static int page_sector(sqlite3_file *base)
{
	return REAL(base)->pMethods->xSectorSize(REAL(base));
}

static int page_device(sqlite3_file *base)
{
	return REAL(base)->pMethods->xDeviceCharacteristics(REAL(base));
}

static int page_shm_map(sqlite3_file *base, int page, int size, int extend, void volatile **ret_map)
{
	return REAL(base)->pMethods->xShmMap(REAL(base), page, size, extend, ret_map);
}

static int page_shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
	return REAL(base)->pMethods->xShmLock(REAL(base), offset, count, flags);
}

static void page_shm_barrier(sqlite3_file *base)
{
	REAL(base)->pMethods->xShmBarrier(REAL(base));
}

static int page_shm_unmap(sqlite3_file *base, int delete_it)
{
	return REAL(base)->pMethods->xShmUnmap(REAL(base), delete_it);
}

/* Version 2: without memory maps, which would go past the checksums. */
static const sqlite3_io_methods page_methods = {
	.iVersion = 2,
	.xClose = page_close,
	.xRead = page_read,
	.xWrite = page_write,
	.xTruncate = page_truncate,
	.xSync = page_sync,
	.xFileSize = page_size,
	.xLock = page_lock,
	.xUnlock = page_unlock,
	.xCheckReservedLock = page_reserved,
	.xFileControl = page_control,
	.xSectorSize = page_sector,
	.xDeviceCharacteristics = page_device,
	.xShmMap = page_shm_map,
	.xShmLock = page_shm_lock,
	.xShmBarrier = page_shm_barrier,
	.xShmUnmap = page_shm_unmap,
};

static int page_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
		     int *ret_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	struct page_file *file = (struct page_file *)base;
	int result;

	if (!(flags & SQLITE_OPEN_MAIN_DB))
		return real->xOpen(real, name, base, flags, ret_flags);
	*file = (struct page_file){ .real = (sqlite3_file *)(file + 1) };
	file->real->pMethods = NULL;
	result = real->xOpen(real, name, file->real, flags, ret_flags);
	base->pMethods = file->real->pMethods ? &page_methods : NULL;
	return result;
}

const char *store_pages_vfs(void)
{
	static sqlite3_vfs vfs; /* SQLite keeps it as long as the process lives */
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	if (sqlite3_vfs_find(VFS_NAME))
		return VFS_NAME;
	if (!real)
		return NULL;
	vfs = *real;
	vfs.pNext = NULL;
	vfs.zName = VFS_NAME;
	vfs.pAppData = real;
	vfs.szOsFile = (int)sizeof(struct page_file) + real->szOsFile;
	vfs.xOpen = page_open;
	return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? VFS_NAME : NULL;
}
