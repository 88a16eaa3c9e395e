#!/usr/bin/env bash
# Installs the programs that tests talk to and npm does not have, where they are missing: on Debian, as root. Elsewhere
# they are to be installed by hand; without them their tests are skipped, and fail where CI is set.
set -uo pipefail

# program:package
wanted=(
  protoc:protobuf-compiler
  nats-server:nats-server
  redis-server:redis-server
  serf:serf
  etcd:etcd-server
  chromium:chromium
)

missing=()
for entry in "${wanted[@]}"; do
  command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
