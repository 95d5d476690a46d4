variable "DOCKER_STATIC" {
  default = "1"
}
variable "DOCKER_GITCOMMIT" {
  default = null
}
variable "VERSION" {
  default = ""
}
# Where the results go instead of bundles/NAME.
variable "DESTDIR" {
  default = ""
}

function "bindir" {
  params = [name]
  result = DESTDIR == "" ? "./bundles/${name}" : DESTDIR
}

target "_common" {
  args = {
    BUILDKIT_CONTEXT_KEEP_GIT_DIR = 1
    DOCKER_GITCOMMIT              = DOCKER_GITCOMMIT
    DOCKER_STATIC                 = DOCKER_STATIC
    VERSION                       = VERSION
  }
}

target "_platforms" {
  platforms = [
    "linux/amd64",
    "linux/arm/v7",
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
  inherits = ["binary", "_platforms"]
}

target "binary-smoketest" {
  inherits = ["_common"]
  target   = "smoketest"
  output   = ["type=cacheonly"]
}

target "all" {
  inherits = ["_common"]
  target   = "all"
  output   = [bindir("all")]
}

group "plugins" {
  targets = ["plugin"]
}

target "plugin" {
  inherits = ["_common"]
  name     = "plugin-${item}"
  matrix = {
    item = ["log", "volume"]
  }
  target = "plugin"
  args = {
    PLUGIN = item
  }
  output = [bindir("plugins/${item}")]
}
