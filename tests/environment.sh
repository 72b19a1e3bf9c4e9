# Sourced by the runners of Python suites: environments made with uv, and kept. `cache` names the folder for them.

# Installs the hundreds of packages of these suites in seconds, where pip takes minutes.
uv_version=0.13.8
uv=${cache:?}/uv/bin/uv
export UV_CACHE_DIR=$cache/uv-cache UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true

# These run as conditions, where `set -e` does not hold: hence the explicit chains and returns.

find_uv() {
    [[ $("$uv" --version 2>/dev/null) == "uv $uv_version "* ]] && return
    timeout 120 python3 -m venv "$cache/uv" &&
        timeout 300 "$cache/uv/bin/pip" install --quiet --disable-pip-version-check "uv==$uv_version"
}

# provide FOLDER ENVIRONMENT: what requirements.txt names and what that needs; what without-dependencies.txt names, alone.
provide() {
    local alone=$1/without-dependencies.txt pip=(timeout 400 "$uv" pip install --quiet --python "$2/bin/python")
    rm -rf "$2"
    find_uv && timeout 120 python3 -m venv --without-pip "$2" &&
        "${pip[@]}" --requirement "$1/requirements.txt" &&
        { [[ ! -f $alone ]] || "${pip[@]}" --no-deps --requirement "$alone"; }
}

# python_environment FOLDER ENVIRONMENT [FILE...]: the same, unless it is there for these very requirements. FILEs are
# further ones that requirements.txt refers to.
python_environment() {
    local folder=$1 environment=$2 wanted began=$SECONDS
    wanted=$(cat "$folder"/*.txt "${@:3}" | sha256sum)
    [[ -f $environment/installed && $(<"$environment/installed") == "$wanted" ]] && return
    provide "$folder" "$environment" || return
    echo "$wanted" >"$environment/installed"
    printf 'installed in %s s\n' "$((SECONDS - began))" >&2
}
