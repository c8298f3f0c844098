/* sync: all modified pages of files to the disk. */
#include "user/lib/program.h"

int main(void) {
    sync();
    return 0;
}
