"""The manifests of knative/, rendered and held to schemas and to our own rules."""
