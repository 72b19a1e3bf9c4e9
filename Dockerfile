# The gateway alone in an image: the program, the C library it is linked to, the trusted roots. No shell, no package
# manager, no other user's files.
#
# Three ways to a small image were weighed:
# - A static glibc binary is the smallest, but glibc resolves host names through libraries it loads at run time, and a
#   static program then depends on finding exactly the version it was built with. Every upstream call begins with such
#   a look-up, so that is a failure waiting for the next rebuild.
# - A static musl binary has no such problem, but musl's allocator costs a threaded server much of its throughput, and
#   the build needs a second C tool chain for the TLS library.
# - glibc copied from the image that linked the program: always the matching version, the ordinary resolver (since
#   glibc 2.34 its file and DNS look-ups are inside libc itself), some 3 MB. This one is taken.
#
# Written for every builder: no heredocs, no `COPY --link`, no `# syntax` line to fetch.
#
# The same sources and the same base image give the same image, to the last bit, where the builder keeps the clock out of
# it: `buildah build --timestamp 0`, as deploy/container-check does twice; BuildKit has SOURCE_DATE_EPOCH and
# `rewrite-timestamp=true` for it.

ARG RUST_IMAGE=docker.io/library/rust:1.95.0-bookworm

FROM ${RUST_IMAGE} AS build
WORKDIR /build
# Neither tests nor rust-toolchain.toml: the image named above is the tool chain, and must not fetch another.
COPY Cargo.toml Cargo.lock ./
COPY src src
# `pack-relative-relocs`: 0.7 MB less, where the linker knows it (binutils 2.38 on x86-64); glibc reads it since 2.36.
# `touch`: cargo compares modification times, and a kept target folder may be newer than a checkout's files.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/build/target,sharing=locked \
    find src -type f -exec touch {} + \
 && RUSTFLAGS='-C link-arg=-Wl,-z,pack-relative-relocs' cargo build --release --locked --bin gemini-gateway \
 && mkdir -p /image/usr/local/bin /image/etc /empty \
 && cp target/release/gemini-gateway /image/usr/local/bin/
# The program's own list of libraries, so that the copy is right on every architecture and after every new dependency.
# The licences of what is copied travel with it, and so does its description, at the place where scanners look for it
# in images without a package manager.
COPY deploy/bill/licences.txt /licences
RUN ldd /image/usr/local/bin/gemini-gateway > /linked \
 && grep -o '/[^ ]*' /linked > /libraries \
 && xargs --arg-file=/libraries cp --parents --dereference --target-directory=/image \
 && mkdir -p /image/var/lib/dpkg/status.d /image/usr/share/doc/gemini-gateway \
 && for package in libc6 libgcc-s1 ca-certificates; do \
        cp --parents --dereference "/usr/share/doc/$package/copyright" /image/ \
     && dpkg-query --status "$package" > "/image/var/lib/dpkg/status.d/$package" \
     || exit 1; \
    done \
 && cp --parents --dereference /etc/os-release /image/ \
 && gzip --best --no-name --stdout /licences > /image/usr/share/doc/gemini-gateway/licences.txt.gz \
 && printf 'hosts: files dns\n' > /image/etc/nsswitch.conf

FROM scratch
COPY --from=build /image/ /
# Without trusted roots the TLS client refuses to start.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY LICENSE /usr/share/doc/gemini-gateway/copyright
# What the program is made of, for scanners and for people: kept in the repository and held against Cargo.lock by CI.
COPY deploy/bill/sbom.cdx.json /usr/share/doc/gemini-gateway/sbom.cdx.json
# Owned by the user below, so that a fresh named volume mounted here is writable. No VOLUME line: it would leave an
# anonymous volume behind for everyone who mounts nothing.
COPY --from=build --chown=1000:1000 /empty/ /data/
ENV STATE_DIR=/data
# The user id Hugging Face Spaces run with; any other id works too.
USER 1000:1000
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["/usr/local/bin/gemini-gateway", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/gemini-gateway"]
