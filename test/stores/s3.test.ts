import { storeFaultConformance } from '../conformance/store-faults.js'
import { storeConformance } from '../conformance/stores.js'
import { s3Place } from './s3-place.js'

storeConformance('an S3 store', s3Place)
storeFaultConformance('an S3 store', s3Place)
