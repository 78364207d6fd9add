package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"

	tidegate "github.com/tidegate/tidegate-go"
)

// act is what is done in a session.
type act struct {
	Say    json.RawMessage
	Binary *string
	Hear   *int
	Close  []any
	Drop   bool
}

// session does what talk says, act by act.
func session(o operation) (any, error) {
	view := gw
	if o.Key != "" {
		view = view.WithKey(o.Key)
	}
	for name, value := range o.Headers {
		view = view.WithHeader(name, value)
	}
	ctx := context.Background()
	var wanted struct {
		Model string
		Setup tidegate.M
	}
	_ = json.Unmarshal(o.Request, &wanted)
	var s *tidegate.Session
	var err error
	switch o.API {
	case "live":
		s, err = view.Live(ctx, wanted.Model, wanted.Setup)
	case "responses":
		s, err = view.ResponsesSession(ctx)
	default:
		s, err = view.Realtime(ctx, wanted.Model)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	heard := []any{}
	hear := func(count int) (err error) {
		for ; count != 0 && err == nil; count-- {
			var message *tidegate.SessionMessage
			if message, err = s.Receive(); err == nil {
				heard = append(heard, message.Raw)
				if message.Binary && !json.Valid(message.Raw) {
					heard[len(heard)-1] = answer{"binary": hex.EncodeToString(message.Raw)}
				}
			}
		}
		return err
	}
	for _, act := range o.Talk {
		switch {
		case act.Binary != nil:
			message, _ := hex.DecodeString(*act.Binary)
			err = s.SendBinary(ctx, message)
		case act.Close != nil:
			err = s.CloseWith(int(act.Close[0].(float64)), act.Close[1].(string))
		case act.Hear != nil:
			err = hear(*act.Hear)
		case act.Drop:
			s.Cancel()
			return answer{"messages": heard}, nil
		default:
			var text string
			if json.Unmarshal(act.Say, &text) == nil {
				err = s.Send(ctx, text)
			} else {
				err = s.Send(ctx, act.Say)
			}
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		err = hear(-1)
	}
	facts := s.Gateway()
	reply := answer{"messages": heard, "gateway": shown(&facts)}
	var closed *tidegate.SessionClosed
	var refused *tidegate.Error
	if errors.As(err, &closed) {
		reply["code"], reply["reason"] = closed.Code, closed.Reason
	} else if errors.As(err, &refused) {
		reply["refused"] = refused.Slug
		reply["code"] = s.CloseCode()
	} else {
		return nil, err
	}
	return reply, nil
}
