package tidegate_test

import (
	"os"
	"os/exec"
	"testing"
)

// The vendors' SDKs are dependencies of a module of their own, which this runs.
func TestVendorSDKsWorkUnmodified(t *testing.T) {
	in := func(arguments ...string) ([]byte, error) {
		command := exec.Command("go", arguments...)
		command.Dir = "vendortest"
		command.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
		return command.CombinedOutput()
	}
	if output, err := in("mod", "download"); err != nil {
		t.Skipf("the SDKs cannot be downloaded: %s", output)
	}
	if output, err := in("test", "-count=1", "./..."); err != nil {
		t.Errorf("%s", output)
	}
}
