"""What each tour must show, checked in the lines of JSON that `make tour TOUR=… AUTO=1` prints."""

TOURS = ("zero", "file", "swap", "reclaim", "copy", "bad")
NO_DISK = {6, 7, 8, 9, 10}
SKIPPED = {"zero": NO_DISK, "copy": NO_DISK, "reclaim": NO_DISK | {5}, "file": {6}, "swap": set(),
           "bad": NO_DISK | {5, 11}}
ORDER = [1, 2, 3, 4, 5, 8, 7, 6, 9, 10, 11, 12]  # as they happen: the read is scheduled before the sleep
FUNCTIONS = {1: "trap_vector_14", 2: "trap_save", 3: "trap_page_fault", 4: "fault_check_access", 5: "frame_take",
             6: "bio_submit", 7: "switch_stacks", 8: "bio_submit", 9: "frame_done", 10: "fault_check_access",
             11: "fault_map", 12: "trap_restore"}
PAGE_MASK = ~4095


class Checker:
    """The stops of one tour."""

    def __init__(self, tour: str, stops: list[dict]):
        self.tour, self.stops = tour, stops
        self.checks = 0
        self.failures: list[str] = []

    def check(self, condition, what: str) -> None:
        self.checks += 1
        if not condition:
            self.failures.append(what)

    def run(self) -> None:
        """All that is checked."""
        steps = [stop["step"] for stop in self.stops]
        self.check(sorted(steps) == list(range(1, 13)), f"twelve stops: {steps}")
        if self.failures:
            return
        happened = [stop["step"] for stop in self.stops if stop["happens"]]
        self.check(set(range(1, 13)) - set(happened) == SKIPPED[self.tour], f"those that happen: {happened}")
        self.check(happened == [step for step in ORDER if step in happened], f"in their order: {happened}")
        self.facts = {stop["step"]: stop["facts"] for stop in self.stops}
        for stop in self.stops:
            if stop["happens"]:
                self.one_stop(stop)
        self.trap()
        if self.tour == "bad":
            self.bad()
            return
        self.mapped()
        if self.tour in ("swap", "file"):
            self.disk()
        if self.tour == "swap":
            self.victim()
        self.owner()
        self.counted()

    def one_stop(self, stop: dict) -> None:
        step, refused = stop["step"], self.tour == "bad" and stop["step"] == 12
        function = "kernel_user_exception" if refused else FUNCTIONS[step]
        function = "frame_take_zeroed" if (self.tour, step) == ("zero", 5) else function
        self.check(stop["function"] == function, f"step {step} is in {function}: {stop['function']}")
        self.check(len(stop["source"]) >= 5 and stop["where"], f"step {step} shows its source: {stop['where']}")
        name = function if step not in (1, 2, 12) or refused else ""
        self.check(any(name in line for line in stop["source"]), f"step {step} shows {name}: {stop['source']}")

    def trap(self) -> None:
        """Steps 1 to 4: address, error code, registers, area."""
        one, two, three, four = (self.facts[step] for step in (1, 2, 3, 4))
        self.check(one["write"] == (self.tour != "file") and one["error"] & 4, f"error code {one['error']}")
        self.check(bool(one["error"] & 1) == (self.tour == "copy"), "protection only where a page is shared")
        self.check(three["cr2"] == one["cr2"] and three["vector"] == 14, "CR2 is still the address")
        self.check(three["error"] == one["error"] and three["eip"] == one["eip"], "error code and EIP are saved")
        self.check(three["saved"] == two["registers"], "the registers are saved as they were")
        self.check(not three["interrupts"], "interrupts are off until CR2 is read")
        self.check("mov" in one["instruction"], f"a load or a store: {one['instruction']}")
        self.check(four["kind"] == self.tour and four["allowed"] == (self.tour != "bad"), f"judged: {four}")
        area = four["area"]
        if self.tour == "bad":
            self.check(area is None, "in no area")
        else:
            self.check(area["start"] <= one["cr2"] < area["end"], "the area holds the address")

    def bad(self) -> None:
        last = self.facts[12]
        self.check((last["signal"], last["code"]) == (11, 1), f"SIGSEGV, SEGV_MAPERR: {last}")
        self.check(last["address"] == self.facts[1]["cr2"] and not last["pte"]["present"], "the address is told")
        self.check(last["counted"] == {"pgfault": 1, "fault_bad": 1}, f"counted: {last['counted']}")

    def mapped(self) -> None:
        """Steps 5, 11, 12: the frame and the entry, before and after."""
        enter, back = self.facts[11], self.facts[12]
        before, after = self.facts[1]["page"], enter["pte_after"]
        write = self.tour != "file"
        self.check(before["pte"]["present"] == (self.tour == "copy"), "before: absent, or shared")
        self.check(not enter["pte_before"]["present"] and after["present"], "the entry is set")
        self.check(after["writable"] == write and after["dirty"] == write and after["user"], f"as it must: {after}")
        self.check(after["frame"] == enter["frame"] and enter["frame_state"] == "active", "the frame is ACTIVE")
        if 5 in self.facts and self.facts[5]:
            self.check(self.facts[5]["frame"] == enter["frame"], "the frame that was taken is the one mapped")
            self.check(self.facts[5]["state"] in ("free", "clean"), "it was FREE or CLEAN")
        if self.tour == "copy":
            self.check(before["pte"]["frame"] != enter["frame"] and before["anon"]["refs"] == 2, "a copy of its own")
            self.check(back["page"]["anon"]["refs"] == 1, "nobody else's")
        if self.tour == "reclaim":
            self.check(before["frame"]["number"] == enter["frame"], "the same frame as before")
            self.check(before["frame"]["state"] in ("dirty", "clean", "busy"), "it was in the pool")
        if self.tour in ("zero", "swap", "file"):
            self.check(before["frame"] is None, "before: not in memory")
        self.check(back["same_instruction"] and back["same_registers"], "instruction and registers are the same")
        self.check(back["ran"] and back["next_eip"] > back["eip"], "and it runs")
        self.check(not write or back["byte"] == 42, f"the store is done: {back['byte']}")

    def disk(self) -> None:
        """Steps 8 to 10: one request, the page's own place, one sleep."""
        request, sleep, end, again = (self.facts[step] for step in (8, 7, 9, 10))
        place = self.facts[1]["page"]["disk"]
        self.check(request["sector"] == place["sector"] and request["sectors"] == 8, "the page's sectors are read")
        self.check(request["frame_state"] == "busy" and request["frame"] == self.facts[5]["frame"], "into the frame")
        self.check(request["cause"] == self.tour, f"because of the {self.tour}: {request['cause']}")
        self.check(sleep["state"] == "asleep" and sleep["waiters"] and sleep["next"] != "onefault", f"{sleep}")
        self.check(end["sector"] <= request["sector"] < end["sector"] + end["sectors"], "that request ends")
        self.check(end["error"] == 0 and end["frame_state"] == "busy" and end["waiters"], "well; somebody waits")
        self.check(again["frame"] == request["frame"] and again["frame_state"] == "active", "the page is in memory")

    def victim(self) -> None:
        """Step 6: a dirty page, unmapped, then written, by the daemon, to somewhere else."""
        six = self.facts[6]
        present = 1
        self.check(self.facts[5]["wakes_daemon"] and self.facts[7]["next"] == "pageout", "the daemon runs meanwhile")
        self.check(six["daemon"] == "pageout", "the daemon writes, not the fault")
        self.check(six["victim"]["modified"] and not six["pte_after"] & present, "the victim was dirty, and is unmapped")
        self.check(six["victim"]["address"] != self.facts[1]["cr2"] & PAGE_MASK, "another page")
        self.check(six["write"]["sector"] != self.facts[8]["sector"], "written elsewhere")

    def owner(self) -> None:
        kind = {"file": "object"}.get(self.tour, "anon")
        self.check(self.facts[12]["page"]["kind"] == kind, f"the page is an {kind}'s")

    def counted(self) -> None:
        """The kernel counts one fault of this kind, with its reads, and nothing that did not happen."""
        counted = self.facts[11]["counted"]
        reads = self.tour in ("swap", "file")
        self.check(counted["pgfault"] == 1 and counted["fault_" + self.tour] == 1, f"one fault: {counted}")
        self.check(counted.get("pgmajfault", 0) == reads and ("blk_read_requests" in counted) == reads, f"{counted}")
        self.check(("pgevict" in counted) == (self.tour == "swap"), f"victims: {counted}")
        if reads:
            self.check(counted["fault_restarts"] >= 1, "it started over")
