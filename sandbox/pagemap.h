/*
 * pagemap: which pages of a process were written. Of Linux 6.7, newer than the headers that this builds with:
 * linux/userfaultfd.h, linux/fs.h (PAGEMAP_SCAN).
 */
#ifndef TACH_SANDBOX_PAGEMAP_H
#define TACH_SANDBOX_PAGEMAP_H

#include <stdint.h>
#include <sys/ioctl.h>

#define UFFD_WP_ASYNC (1ull << 15) /* UFFD_FEATURE_WP_ASYNC */

struct page_scan {
        uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask,
            category_anyof_mask, return_mask;
};
struct page_region {
        uint64_t start, end, categories;
};
#define PAGEMAP_SCAN_IOCTL    _IOWR('f', 16, struct page_scan)
#define PAGE_SCAN_PROTECT     (1u << 0) /* PM_SCAN_WP_MATCHING */
#define PAGE_SCAN_CHECK       (1u << 1) /* PM_SCAN_CHECK_WPASYNC */
#define PAGE_CATEGORY_WRITTEN (1u << 1) /* PAGE_IS_WRITTEN */
#define PAGE_CATEGORY_FILE    (1u << 2) /* PAGE_IS_FILE: not the process's own copy */
#define PAGE_CATEGORY_THERE   (1u << 3) /* PAGE_IS_PRESENT */
#define PAGE_CATEGORY_SWAPPED (1u << 4) /* PAGE_IS_SWAPPED */

#endif
