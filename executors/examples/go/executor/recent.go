package executor

import "slices"

// How many executions that have ended are remembered: a Cancel may cross the result on its way.
const remembered = 1000

// recent holds the ids that were added last.
type recent struct{ ids []string }

func (r *recent) add(id string) {
	if len(r.ids) == remembered {
		r.ids = r.ids[1:]
	}
	r.ids = append(r.ids, id)
}

func (r *recent) has(id string) bool { return slices.Contains(r.ids, id) }
