"""The upstream of all proxy measurements, and the answers it gives."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.proxy import payloads
from bench.site import Site, Workspace
from local.ports import LOOPBACK, free_port
from local.process import Part
from local.services import answers

USUAL = "4k"  # where the size of answers is not what is asked about
_PROGRAM = Path(__file__).parents[1] / "upstream" / "Upstream.java"


@dataclass(frozen=True, slots=True)
class Upstream:
    address: str  # host:port
    folder: Path

    def path(self, size: str, delay_ms: int = 0) -> str:
        """Where it gives the answer of that size so much later."""
        return f"/{size}/{delay_ms}" if delay_ms else f"/{size}"

    def request(self, size: str) -> Path:
        """The file with the pack that gets the answer of that size."""
        return self.folder / f"{size}.request"

    def answer(self, size: str) -> Path:
        """The file with that answer."""
        return self.folder / f"{size}.answer"

    def proxy_env(self, workspace: Workspace, path: str = f"/{USUAL}") -> dict[str, str]:
        """The settings of packstats before it."""
        own = {
            "PROXY__UPSTREAM_URL": f"http://{self.address}{path}",
            "PROXY__SPOOL_DIR": str(workspace.folder / "spool"),
        }
        return {**workspace.env, **own}


@contextmanager
def serving(site: Site) -> Iterator[Upstream]:
    """When it answers."""
    folder = site.folder / "payloads"
    payloads.write(folder)
    port = free_port()
    files = [f"{size.name}={folder / size.name}.answer" for size in payloads.SIZES]
    address = f"{LOOPBACK}:{port}"
    command = ("java", "-Xmx256m", "-XX:+UseSerialGC", str(_PROGRAM), str(port), *files)
    with site.running(Part("upstream", command, None, lambda: answers(f"http://{address}/"))):
        yield Upstream(address, folder)


@dataclass(slots=True)
class Upstreams:
    """One for the whole run, started with the first measurement that needs it."""

    site: Site
    _upstream: Upstream | None = None

    @property
    def upstream(self) -> Upstream:
        if self._upstream is None:
            self._upstream = self.site.keep(serving(self.site))
        return self._upstream
