"""What a person reads when everything runs: the addresses, and three commands to paste."""

import os
from collections.abc import Mapping

from local.state import Endpoints

KEY = "aqRAiz-8RA_local_demo_key_0001"
KEYSTEM = KEY[:10]  # Paccurate's rule: the public part of a key
PACK = (
    '{"itemSets":[{"refId":1,"quantity":23,"weight":0.5,"dimensions":{"x":4,"y":3,"z":2}}],'
    '"boxTypes":[{"refId":0,"name":"small","weightMax":20,"dimensions":{"x":12,"y":10,"z":6}}]}'
)


def curl_lines(proxy: str, key: str = KEY) -> list[str]:
    """Three lines for a shell: send a pack, read the totals of its facility, read the totals of all."""
    return [
        f"curl -sw '\\n' '{proxy}/' -H 'Authorization: apikey {key}' -H 'Content-Type: application/json' -d '{PACK}'",
        f"curl -sw '\\n' '{proxy}/api/keydata/{key[:10]}'",
        f"curl -sw '\\n' '{proxy}/api/keydata/all'",
    ]


def text(endpoints: Endpoints, environ: Mapping[str, str] = os.environ) -> str:
    """Addresses and curl lines; before a real Paccurate the key is the reader's own."""
    proxy = endpoints.address("proxy")
    lines = ["", "Everything runs; Ctrl-C stops it.", ""]
    lines += [f"  {part.name:<14} {part.address}" for part in endpoints.parts if part.address is not None]
    lines += [
        "",
        f"  API pages      {proxy}/docs",
        "",
        "Send a pack, and see it in the totals a second or two later:",
        "",
    ]
    own_upstream = "PROXY__UPSTREAM_URL" in environ
    lines += curl_lines(proxy, "YOUR-PACCURATE-API-KEY") if own_upstream else curl_lines(proxy)
    return "\n".join([*lines, ""])
