"""This recipe trains the demo EAT: the classes of networks/eat at small width, on puppets of training identities.

EAT learns from videos in which nobody wrote down keypoints, poses or expressions; of a puppet's clip all of it is known
and given. So each part learns by itself what the others will hand it. One module a part, in order:

    sizes        how large the networks are
    anatomy      where a puppet's keypoints are, and how head pose, mouth and mood move them
    expression   the basis and the mean of such movements
    looking      the keypoint detector and the pose network
    hearing      DeepSpeech's class, in the place of the released one
    prompts      the mapping network as it begins
    speaking     the sound network, the side branch, the mapping network
    lessons      portraits, and what they do after
    painting     the generator
    settling     batch norms' statistics, measured anew
    recipe       all of it, in one go or resumed, into one file
"""
