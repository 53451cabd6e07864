from huey import Huey

class Consumer:
    def __init__(
        self,
        huey: Huey,
        workers: int = ...,
        periodic: bool = ...,
        scheduler_interval: int = ...,
        shutdown_timeout: float | None = ...,
    ) -> None: ...
    def start(self) -> None: ...
    def stop(self, graceful: bool = ...) -> None: ...
