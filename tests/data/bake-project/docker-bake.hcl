variable "DOCKER_STATIC" {
  default = "1"
}
variable "DOCKER_GITCOMMIT" {
  default = "HEAD"
}
variable "VERSION" {
  default = ""
}
# Where the results go instead of bundles/NAME.
variable "DESTDIR" {
  default = ""
}

function "bindir" {
  params = [defaultdir]
  result = DESTDIR != "" ? DESTDIR : "./bundles/${defaultdir}"
}

target "_common" {
  args = {
    BUILDKIT_CONTEXT_KEEP_GIT_DIR = 1
    DOCKER_STATIC                 = DOCKER_STATIC
    DOCKER_GITCOMMIT              = DOCKER_GITCOMMIT
    VERSION                       = VERSION != "" ? VERSION : null
  }
}

target "_platforms" {
  platforms = [
    "linux/amd64",
    "linux/arm/v7",
    "linux/arm64",
    "windows/amd64"
  ]
}

group "default" {
  targets = ["binary"]
}

target "binary" {
  inherits = ["_common"]
  target   = "binary"
  output   = [bindir(DOCKER_STATIC == "1" ? "binary" : "dynbinary")]
}

target "dynbinary" {
  inherits = ["binary"]
  output   = [bindir("dynbinary")]
  args = {
    DOCKER_STATIC = "0"
  }
}

target "binary-cross" {
  inherits   = ["binary", "_platforms"]
  dockerfile = "Dockerfile.cross"
}

target "smoketest" {
  inherits = ["_common"]
  target   = "binary"
  output   = ["type=cacheonly"]
}

group "extras" {
  targets = ["tools"]
}

target "tools" {
  name = "tool-${item}"
  matrix = {
    item = ["a", "b"]
  }
  contexts = {
    daemon = "target:daemon"
  }
  dockerfile-inline = <<-EOT
    FROM scratch
    COPY --from=daemon /projectd /${item}
  EOT
  output = [{ type = "local", dest = "bundles/extras" }]
}

target "daemon" {
  inherits = ["_common"]
  target   = "binary"
}
