FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/tencent-im-grpc /usr/local/bin/tencent-im-grpc
ENTRYPOINT ["tencent-im-grpc"]
CMD ["serve"]
