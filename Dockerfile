# A mirror, a digest or an image of your own may take the place of the official one: --build-arg PYTHON_IMAGE=…
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
# What is in beyond the core, out of pyproject.toml's optional dependencies: --build-arg EXTRAS=aws,kafka
ARG EXTRAS=aws,expressions,postgres
WORKDIR /src
COPY pyproject.toml requirements-dev.lock ./
COPY config/image_requirements.py ./config/
# pip stays outside: what runs has no installer. Of AWS's library only signing and credentials are used, so that what it
# knows of hundreds of services goes, but for those that give out credentials.
RUN python -m venv --without-pip /opt/optix-gateway \
    && python config/image_requirements.py "${EXTRAS}" >requirements.txt \
    && python -m pip --python /opt/optix-gateway/bin/python install --require-hashes --only-binary=:all: -r requirements.txt \
    && rm -rf /opt/optix-gateway/lib/python3*/site-packages/cel_expr_python/ext \
    && find /opt/optix-gateway/lib/python3*/site-packages -mindepth 3 -maxdepth 3 -type d -path "*/botocore/data/*" \
        ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -r {} +
COPY README.md LICENSE ./
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
