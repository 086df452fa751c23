"""The upstream before which proxies stand here, started with the first measurement that needs one."""

from dataclasses import dataclass
from pathlib import Path

from bench.proxy.upstream import Upstream, serving
from bench.site import Site, Workspace

SIZE = "4k"


@dataclass(slots=True)
class Upstreams:
    site: Site
    _upstream: Upstream | None = None

    @property
    def upstream(self) -> Upstream:
        if self._upstream is None:
            self._upstream = self.site.keep(serving(self.site))
        return self._upstream

    @property
    def body(self) -> Path:
        """The file with the pack to send."""
        return self.upstream.request(SIZE)

    def proxy_env(self, workspace: Workspace) -> dict[str, str]:
        own = {
            "PROXY__UPSTREAM_URL": f"http://{self.upstream.address}{self.upstream.path(SIZE)}",
            "PROXY__SPOOL_DIR": str(workspace.folder / "spool"),
        }
        return {**workspace.env, **own}
