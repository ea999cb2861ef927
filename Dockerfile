# A mirror, a digest or an image of your own may take the place of the official one: --build-arg PYTHON_IMAGE=…
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.lock ./
# pip stays outside: what runs has no installer. Of AWS's library only signing and credentials are used, so that what it
# knows of hundreds of services goes, but for those that give out credentials.
RUN python -m venv --without-pip /opt/optix-gateway \
    && python -m pip --python /opt/optix-gateway/bin/python install --require-hashes --only-binary=:all: -r requirements.lock \
    && rm -rf /opt/optix-gateway/lib/python3*/site-packages/cel_expr_python/ext \
    && find /opt/optix-gateway/lib/python3*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -r {} +
COPY pyproject.toml README.md LICENSE ./
COPY gateway ./gateway
RUN python -m pip --python /opt/optix-gateway/bin/python install --no-deps .

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Optix Gateway" \
      org.opencontainers.image.description="Receives Sophos Cloud Optix webhooks, stores them durably and delivers them" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH="/opt/optix-gateway/bin:${PATH}" \
    PYTHONUNBUFFERED=1
COPY --from=build /opt/optix-gateway /opt/optix-gateway
# The official images come without compiled standard library; with a read-only root it could never be kept.
RUN python -c "import gateway.wiring" \
    && install -d -o 10001 -g 0 -m 0770 /data \
    && install -d /config/routes
ENV PYTHONDONTWRITEBYTECODE=1

# The defaults are relative: routes are read from /config/routes, the database is /data/gateway.db. Only /data is written.
WORKDIR /
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["optix-gateway", "health"]
ENTRYPOINT ["optix-gateway"]
CMD ["serve"]
