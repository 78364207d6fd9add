package main

func init() {
	// Calls go through a view from now on.
	operations["scope"] = func(o operation) (any, error) {
		view, err := gw.Scoped(o.Scope)
		if err == nil {
			gw = view
		}
		return answer{}, err
	}
}
