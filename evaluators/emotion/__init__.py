"""Emotion accuracy: does a clip show the emotion that was asked for?"""
