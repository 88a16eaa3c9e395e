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

# Consul was in Debian 11: its program is taken out of that package, and nothing else of that release is installed.
if ! command -v consul >/dev/null && [ ! -x "$GOBIN/consul" ] && command -v apt-get >/dev/null; then
  apart=$(mktemp -d)
  mkdir -p "$apart/lists/partial" "$apart/cache/archives/partial" "$GOBIN"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bullseye main" >"$apart/sources.list"
  options=(
    -qq -o "Dir::Etc::sourcelist=$apart/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apart/lists"
    -o "Dir::Cache=$apart/cache" -o Acquire::Languages=none
  )
  (cd "$apart" && timeout 120 apt-get "${options[@]}" update && timeout 120 apt-get "${options[@]}" download consul &&
    dpkg -x consul_*.deb . && install usr/bin/consul "$GOBIN/consul") || failed=1
  rm -rf "$apart"
fi

exit "$failed"
