# One image for every packstats process; the command says which: `proxy`, `aggregator`, `sandbox`, `admin init`.

FROM python:3.12.13-slim-bookworm AS build
COPY requirements/runtime.txt /build/runtime.txt
# Wheels only: nothing is compiled, so the image needs no compiler; hashes: nothing but what was reviewed is installed.
RUN python -m venv --without-pip /opt/venv \
 && python -m pip --python /opt/venv/bin/python install --no-cache-dir --only-binary=:all: --require-hashes \
      -r /build/runtime.txt

FROM python:3.12.13-slim-bookworm
# The spool's folder belongs to the user before a volume is mounted over it: a new volume takes over its owner.
RUN groupadd --gid 10001 packstats \
 && useradd --uid 10001 --gid packstats --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin packstats \
 && install -d -o packstats -g packstats -m 0700 /var/lib/packstats/spool
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY common/ common/
COPY proxy/ proxy/
COPY aggregator/ aggregator/
COPY admin/ admin/
COPY sandbox/ sandbox/
# For `admin settings` alone, which lists the settings of every process.
COPY local/ local/
COPY mongo-init/ mongo-init/
# The file system is read-only when deployed, so bytecode is made here.
RUN python -m compileall -q /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
STOPSIGNAL SIGTERM
EXPOSE 8080 8090 9102
ENTRYPOINT ["python", "-m"]
CMD ["proxy"]
