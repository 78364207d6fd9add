package tidegate

import (
	"runtime"
	"strings"
)

// Scope says for whom calls are made. What is empty is not said.
type Scope struct {
	// Customer is the id of a configured customer.
	Customer string
	// Team is the id of a configured team.
	Team string
	// User is the id of a configured user, or what an end user is called.
	User string
	// Tags are labels, for rules and for the choice of targets. None holds a comma.
	Tags []string
}

// scoped is a view's own handle, freed when nobody holds the view any more.
type scoped struct{ handle *handleGateway }

// Scoped gives a view of the same gateway whose calls are made for a customer, a team or a user, and
// carry tags: their lists, limits and budgets hold, and those of whatever they belong to. A view of a
// view says what it says itself and otherwise what the outer one says; tags add up. Of a view with a
// key, everything named must be what the key belongs to. Views are cheap and need no closing.
//
// It fails for texts that no header carries. Calls fail with [CodeInvalidRequest] for a customer or
// team that is not configured, and with [CodeNotAllowed] for one the caller does not belong to.
func (g *Gateway) Scoped(scope Scope) (*Gateway, error) {
	for _, tag := range scope.Tags {
		if strings.Contains(tag, ",") {
			return nil, &Error{
				Code: CodeInvalidRequest, Slug: "invalid_request", Status: 400, Origin: "caller",
				Message: "a tag holds a comma", Param: "tags",
			}
		}
	}
	view := &scoped{}
	err := g.core.use(func(handle *handleGateway) (err error) {
		view.handle, err = scope.of(g.seen(handle))
		return err
	})
	if err != nil {
		return nil, err
	}
	runtime.AddCleanup(view, freeGateway, view.handle)
	return &Gateway{core: g.core, view: view, key: g.key, header: g.header, prefix: g.prefix}, nil
}

// seen is the handle that this view's calls go through.
func (g *Gateway) seen(handle *handleGateway) *handleGateway {
	if g.view != nil {
		return g.view.handle
	}
	return handle
}
