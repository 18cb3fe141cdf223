#!/usr/bin/env bash
# Checks that the tools named on the command line are here: go node c++ chromium redis.
# As root on Debian it installs what Debian has; otherwise it says what to install.
set -euo pipefail

missing=()
packages=()

at_least() { # at_least WANTED GOT: true when GOT is WANTED or newer
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]
}

for tool in "$@"; do
  case $tool in
    go)
      version=$(go env GOVERSION 2>/dev/null | sed 's/^go//') || version=
      [ -n "$version" ] && at_least 1.26 "$version" ||
        missing+=("Go 1.26 or newer (found: ${version:-none}); see https://go.dev/dl") ;;
    node)
      version=$(node --version 2>/dev/null | sed 's/^v//') || version=
      [ -n "$version" ] && at_least 20 "$version" && command -v npm >/dev/null ||
        missing+=("Node.js 20 or newer with npm (found: ${version:-none}); see https://nodejs.org") ;;
    c++)
      command -v g++ >/dev/null || command -v clang++ >/dev/null || packages+=(g++) ;;
    chromium)
      command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
        packages+=(chromium) ;;
    redis)
      command -v redis-server >/dev/null || packages+=(redis-server) ;;
    *)
      echo "need.sh: unknown tool $tool" >&2; exit 2 ;;
  esac
done

if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  else
    for package in "${packages[@]}"; do
      missing+=("$package (on Debian or Ubuntu: sudo apt-get install $package)")
    done
  fi
fi

if [ ${#missing[@]} -gt 0 ]; then
  echo "please install, then run make again:" >&2
  printf '  - %s\n' "${missing[@]}" >&2
  exit 1
fi
