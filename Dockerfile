# syntax=docker/dockerfile:1
FROM rust:1.95-bookworm AS build
WORKDIR /src
# The commit that is built, for the log and `tim_build_info`: `--build-arg GIT_COMMIT=$(git rev-parse --short=12 HEAD)`.
ARG GIT_COMMIT=""
# .dockerignore lets through what the binary is built from.
COPY . .
# The caches keep downloads and what is compiled between builds; the binary is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --package tencent-im-grpc --features redis \
    && install -D target/release/tencent-im-grpc /out/tencent-im-grpc

# No shell, no package manager; root certificates and a user without rights (65532).
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/tencent-im-grpc /usr/local/bin/tencent-im-grpc
EXPOSE 50051 9090
# SIGTERM drains.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tencent-im-grpc"]
CMD ["serve"]
