"""gdb commands that know Faultline's structures: `make gdb`, `help vm`.

    vm areas|pte|walk|where|anon|amap      a process's pages          (house/pages.py)
    vm frames|frame|pool|object|swap|policy|blk|counters|processes    (house/machine.py)
    vm threads, or threads                 stacks, down into programs (house/threads.py)
    vm check                               all of memory recounted    (house/check.py)
    vm log|console|type, add-user          the session                (house/session.py)
    break-fault, break-evict, break-user, watch-page                  (house/stops.py)
    who-dirtied, who-freed, who-wrote      backwards in a recording   (house/backwards.py)
    tour                                   one fault, step by step    (house/tour.py)

None of the `vm` commands changes the machine (but `vm type`), and none faults: what is not there is absent.
Source this when the kernel's symbols are loaded and no others.
"""

import pathlib
import sys

import gdb

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from house import backwards, check, command, machine, pages, session, stops, threads, tour  # noqa: E402

command.Vm()
for _module in (pages, machine, threads, check, session, stops, tour, backwards):
    for _made in vars(_module).values():
        if isinstance(_made, type) and issubclass(_made, gdb.Command) and _made.__module__ == _module.__name__:
            if getattr(_made, "name", "-"):
                _made()
gdb.execute("alias threads = vm threads")
