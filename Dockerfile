# One process, `infrafabric-bridge serve`, as a user without rights; its state is in /data. TLS ends in front of it.
FROM python:3.13-slim AS build

RUN python -m venv /opt/bridge
ENV PATH=/opt/bridge/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
RUN pip install --no-deps --no-build-isolation . && pip check

FROM python:3.13-slim

RUN useradd --system --uid 10001 --user-group --home-dir /data --no-create-home bridge \
    && install -d -o bridge -g bridge -m 0700 /data
COPY --from=build /opt/bridge /opt/bridge
ENV PATH=/opt/bridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BRIDGE_HOST=0.0.0.0 \
    BRIDGE_PORT=8080 \
    BRIDGE_DATA_DIR=/data \
    BRIDGE_ALLOW_PLAIN_HTTP=1
USER bridge
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-c", "\
import os, urllib.request; \
urllib.request.urlopen('http://127.0.0.1:' + os.environ['BRIDGE_PORT'] + '/healthz', timeout=2)"]
# The bridge drains on SIGTERM by itself.
STOPSIGNAL SIGTERM
ENTRYPOINT ["infrafabric-bridge"]
CMD ["serve"]
