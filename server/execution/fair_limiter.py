"""First come, first served: at most so many at one connection, and one at one resource.

Whoever holds a resource already holds its place at the connection, so nobody waits in a circle. The journal's own
check in the intent's transaction is the guarantee; the lanes are the order.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Lane:
    room: int
    taken: int = 0
    queue: deque["asyncio.Future[None]"] = field(default_factory=deque)

    @property
    def free(self) -> bool:
        return self.taken < self.room and not self.queue


@dataclass(slots=True)
class Slot:
    """Lanes that are held. `waited` is true when it took a wait to get them: then the world may have moved on."""

    names: list[str]
    waited: bool = False


class FairLimiter:
    """All lanes of one process."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    async def acquire(self, connection: str, room: int, resource: str) -> Slot:
        """Wait for a place at the connection (room 0: no bound), then for the resource."""
        place = Slot([])
        try:
            if room:
                place.waited |= await self._take(connection, room)
                place.names.append(connection)
            key = f"{connection}\0{resource}"
            place.waited |= await self._take(key, 1)
            place.names.append(key)
        except BaseException:
            self.release(place)
            raise
        return place

    def hand_over(self, held: Slot, connection: str, room: int, resource: str) -> Slot | None:
        """The place for a plan's next step, if nobody waits for what is held and nothing has to be waited for.

        The connection's place is handed on; None leaves everything as it is.
        """
        key = f"{connection}\0{resource}"
        if any(self._lanes[name].queue for name in held.names if name in self._lanes):
            return None
        if room and connection not in held.names:
            lane = self._lanes.get(connection)
            if lane is not None and not lane.free:
                return None
        target = self._lanes.get(key)
        if key not in held.names and target is not None and not target.free:
            return None
        place = Slot([])
        for name, size in (*(((connection, room),) if room else ()), (key, 1)):
            if name in held.names:
                held.names.remove(name)
            else:
                self._lanes.setdefault(name, _Lane(size)).taken += 1
            place.names.append(name)
        return place

    def release(self, place: Slot) -> None:
        """Give everything back; the next in line is woken."""
        for name in reversed(place.names):
            lane = self._lanes[name]
            lane.taken -= 1
            while lane.queue and lane.taken < lane.room:
                waiter = lane.queue.popleft()
                if not waiter.done():
                    lane.taken += 1
                    waiter.set_result(None)
            if not lane.taken and not lane.queue:
                del self._lanes[name]
        place.names.clear()

    async def _take(self, name: str, room: int) -> bool:
        lane = self._lanes.setdefault(name, _Lane(room))
        if lane.free:
            lane.taken += 1
            return False
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.queue.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release(Slot([name]))
            raise
        return True
