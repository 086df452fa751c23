"""What a topic takes on the disk of the site's broker: its log segments, compressed as its producers sent them."""

from bench.site import Site


def log_bytes(site: Site, topic: str) -> int:
    """Without indexes, which are made large and filled later. What the broker has not given to the system yet is missing."""
    partitions = (site.folder / "kafka" / "data").glob(f"{topic}-*")
    return sum(log.stat().st_size for partition in partitions for log in partition.glob("*.log"))
