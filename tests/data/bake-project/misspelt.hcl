target "binary" {
  target = "binary"
  outputs = ["./bundles/binary"]
}
