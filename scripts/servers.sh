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
failed=0
if [ ${#missing[@]} -ne 0 ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
    failed=1
fi

# Those that Debian does not have are built by Go, where it is there; tests look for them in ~/go/bin as well.
built=(
  grpcurl=github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
  grpc-health-probe=github.com/grpc-ecosystem/grpc-health-probe@latest
  h2spec=github.com/summerwind/h2spec/cmd/h2spec@latest
)

go=$(command -v go || echo /usr/local/go/bin/go)
export GOBIN="$HOME/go/bin"
for entry in "${built[@]}"; do
  program="${entry%%=*}"
  command -v "$program" >/dev/null || [ -x "$GOBIN/$program" ] && continue
  [ -x "$go" ] && "$go" install "${entry#*=}" || failed=1
done

exit "$failed"
